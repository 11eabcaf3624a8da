import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { type NatsServer, parseServer } from './connect-options.js';
import { type LinkListener, NatsLink } from './nats-link.js';
import { probeServer } from './probe-server.js';

/** How long one server may take to accept a connection, all handshakes included. */
const CONNECT_MS = 5000;

/** Opens links: tries the configured servers, then those of the cluster that earlier links told of, each in turn. */
export class LinkPool {
  private readonly configured: readonly NatsServer[];
  private peers: readonly NatsServer[] = [];
  private turn = 0;
  /** Servers that did not answer last time. */
  private readonly suspects = new Set<string>();

  /** @throws AppError BROKER_CONFIG for an address that cannot be read */
  constructor(private readonly publisher: PublisherConfig) {
    this.configured = publisher.addresses.map(parseServer);
  }

  /**
   * A link to the first server that takes one.
   * @throws AppError: a fatal one (credentials, certificates) when every server was tried and one said so; else
   * BROKER_UNREACHABLE
   */
  async open(listener: LinkListener, signal: AbortSignal): Promise<NatsLink> {
    const servers = [...this.configured, ...this.peers];
    let failure: AppError | undefined;
    for (let i = 0; i < servers.length && !signal.aborted; i++) {
      const server = servers[(this.turn + i) % servers.length];
      if (server === undefined) continue;
      try {
        const link = await this.openOne(server, listener, signal);
        this.turn = (this.turn + i) % servers.length;
        this.remember(link.peers, server);
        return link;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (failure === undefined || !error.retriable) failure = error;
      }
    }
    this.turn += 1;
    throw failure ?? new AppError('BROKER_UNREACHABLE', 'connecting to NATS was aborted');
  }

  /**
   * A server that stands still accepts connections and says nothing, and the client never closes the socket of such an
   * attempt: so one that failed has to say something first.
   */
  private async openOne(server: NatsServer, listener: LinkListener, signal: AbortSignal): Promise<NatsLink> {
    try {
      if (this.suspects.has(server.address)) await probeServer(server, CONNECT_MS, signal);
      const link = await NatsLink.open(this.publisher, server, CONNECT_MS, listener, signal);
      this.suspects.delete(server.address);
      return link;
    } catch (error) {
      this.suspects.add(server.address);
      throw error;
    }
  }

  private remember(addresses: readonly string[], seenBy: NatsServer): void {
    const known = new Set(this.configured.map((server) => server.address));
    this.peers = addresses
      .filter((address) => !known.has(address))
      .map((address) => ({
        ...parseServer(address),
        username: seenBy.username,
        password: seenBy.password,
        tls: seenBy.tls,
      }));
  }
}
