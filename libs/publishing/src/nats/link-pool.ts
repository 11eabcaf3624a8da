import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { type NatsServer, parseServer } from './connect-options.js';
import { type LinkListener, NatsLink } from './nats-link.js';

/** How long one server may take to accept a connection, all handshakes included. */
const CONNECT_MS = 5000;

/** Opens links: tries the configured servers, then those of the cluster that earlier links told of, each in turn. */
export class LinkPool {
  private readonly configured: readonly NatsServer[];
  private peers: readonly NatsServer[] = [];
  private turn = 0;

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
        const link = await NatsLink.open(this.publisher, server, CONNECT_MS, listener, signal);
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
