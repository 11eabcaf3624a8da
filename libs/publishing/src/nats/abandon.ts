import type { Socket } from 'node:net';
import type { NatsConnection } from 'nats';

/** Where the client keeps its socket (nats 2.29); not part of its public interface, so every step may be missing. */
interface Inside {
  readonly protocol?: {
    readonly transport?: { readonly socket?: Partial<Pick<Socket, 'destroy' | 'resetAndDestroy'>> };
  };
}

/**
 * Cuts the connection's socket at once, with what it has not sent yet: the client's own close() flushes first, and a
 * network that stood still would deliver that long after the same messages were sent on another connection.
 *
 * @returns false when this version of the client keeps its socket elsewhere
 */
export function abandon(connection: NatsConnection): boolean {
  const socket = (connection as unknown as Inside).protocol?.transport?.socket;
  if (socket?.resetAndDestroy === undefined || socket.destroy === undefined) return false;
  try {
    socket.resetAndDestroy();
  } catch {
    // Under TLS there may be no plain TCP handle to reset.
    socket.destroy();
  }
  return true;
}
