import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { AppError } from '#lib/kernel';

export interface ListenAddress {
  /** What configures it, for the error. */
  readonly key: string;
  readonly host: string | undefined;
  readonly port: number;
  /** What is served there, and nothing else; as they are requested, without a query. */
  readonly paths: readonly string[];
}

/** Requests are small and read-only: nothing sent to these ports needs more. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_TIMEOUT_MS = 5_000;
/** Of what one connection sends in one go no more is answered before everything else has had its turn. */
const MAX_REQUESTS_PER_SOCKET = 100;
/** Far more than probes and scrapers need; whoever opens more is hung up on, so that memory and descriptors stay bounded. */
const MAX_CONNECTIONS = 256;
const METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD']);

/**
 * Serves one handler on each address (probes and metrics have ports of their own).
 * @throws AppError CONFIG_INVALID when an address cannot be listened on
 */
export async function listenOn(handler: RequestListener, addresses: readonly ListenAddress[]): Promise<Server[]> {
  return Promise.all(
    addresses.map(async ({ key, host, port, paths }) => {
      const server = createServer(
        {
          maxHeaderSize: MAX_HEADER_BYTES,
          requestTimeout: REQUEST_TIMEOUT_MS,
          connectionsCheckingInterval: REQUEST_TIMEOUT_MS,
        },
        onlyPaths(paths, handler),
      );
      server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
      server.maxConnections = MAX_CONNECTIONS;
      server.listen(port, host);
      try {
        await once(server, 'listening');
      } catch (error) {
        throw new AppError('CONFIG_INVALID', `${key}: cannot listen on ${host ?? '*'}:${port}: ${reasonOf(error)}`, {
          cause: error,
          remedy: `Choose another ${key}, or end what uses the port.`,
        });
      }
      // A client that misbehaves must not end the service.
      server.on('error', () => undefined);
      return server;
    }),
  );
}

/** `address already in use (EADDRINUSE)`, of `listen EADDRINUSE: address already in use :::8080`. */
function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const [, reason = message] = /^listen \w+: (.*?)(?: \S*:\d+)?$/.exec(message) ?? [];
  return `${reason} (${code})`;
}

/** Stops listening and ends idle connections. */
export function closeAll(servers: readonly Server[]): void {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
}

/** Hands on GET and HEAD of these paths. All else is refused here, and nothing of what was sent is read or repeated. */
function onlyPaths(paths: readonly string[], handler: RequestListener): RequestListener {
  return (request, response) => {
    // The rest of a body that nobody reads is no next request.
    if (hasBody(request)) response.setHeader('Connection', 'close');
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (!paths.includes(path)) refuse(response, 404, 'not found');
    else if (METHODS.has(request.method)) handler(request, response);
    else refuse(response.setHeader('Allow', 'GET, HEAD'), 405, 'method not allowed');
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': text.length });
  response.end(text);
}
