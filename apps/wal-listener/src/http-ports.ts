import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import { AppError } from '#lib/kernel';

export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** Requests are small and read-only: nothing sent to these ports needs more. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Serves one handler on each address (probes and metrics have ports of their own).
 * @throws AppError CONFIG_INVALID when an address cannot be listened on
 */
export async function listenOn(handler: RequestListener, addresses: readonly ListenAddress[]): Promise<Server[]> {
  return Promise.all(
    addresses.map(async ({ host, port }) => {
      const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: REQUEST_TIMEOUT_MS }, handler);
      server.listen(port, host);
      try {
        await once(server, 'listening');
      } catch (error) {
        throw new AppError('CONFIG_INVALID', `cannot listen on ${host ?? '*'}:${port}: ${String(error)}`, {
          cause: error,
          remedy: 'Choose another listener.serverPort or monitoring.promAddr.',
        });
      }
      // A client that misbehaves must not end the service.
      server.on('error', () => undefined);
      return server;
    }),
  );
}

/** Stops listening and ends idle connections. */
export function closeAll(servers: readonly Server[]): void {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
}
