# syntax=docker/dockerfile:1
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
LABEL org.opencontainers.image.title="wal-listener" \
      org.opencontainers.image.description="Publishes every change of a PostgreSQL database to a message broker" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/dist dist
USER node
# The program is PID 1 and handles the signals itself.
ENTRYPOINT ["node", "/app/dist/apps/wal-listener/src/main.js"]
