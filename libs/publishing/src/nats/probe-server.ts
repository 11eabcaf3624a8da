import { connect } from 'node:net';
import type { NatsServer } from './connect-options.js';
import { mapConnectionError } from './map-nats-error.js';

/**
 * Resolves when the server greets (every NATS server speaks first), and leaves nothing open.
 * @throws AppError BROKER_UNREACHABLE when it does not in time
 */
export async function probeServer(server: NatsServer, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const socket = connect({
    host: server.host,
    port: server.port,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('data', () => resolve());
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server closed the connection without a greeting')));
    });
  } catch (error) {
    throw mapConnectionError(error, server.address);
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
