# syntax=docker/dockerfile:1

# No production dependency has native code (test/deploy/image.spec.ts sees to it): what the builder's own platform
# builds runs on each.
FROM --platform=$BUILDPLATFORM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
COPY deploy/image deploy/image
# What --version and the metrics say: --build-arg BUILD_COMMIT=$(git rev-parse HEAD)
ARG BUILD_COMMIT=
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund \
 && deploy/image/prune-modules.sh node_modules

FROM gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.1.0
ARG BUILD_COMMIT=
ARG SOURCE=
LABEL org.opencontainers.image.title="wal-listener" \
      org.opencontainers.image.description="Publishes every change of a PostgreSQL database to a message broker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$BUILD_COMMIT" \
      org.opencontainers.image.source="$SOURCE"
# Where memory is limited to less than a gigabyte V8 would hold its young generation at 1 MiB, which costs a sixth more
# processor time or worse: 4 MiB for each half is what it has elsewhere.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=4 \
    WAL_LISTENER_SERVER_PORT=8080
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/dist dist
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Probes, and metrics where monitoring.promAddr is :2112.
EXPOSE 8080 2112
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["/nodejs/bin/node", "/app/dist/apps/wal-listener/src/main.js", "healthcheck"]
# The program is PID 1 and handles the signals itself.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/apps/wal-listener/src/main.js"]
