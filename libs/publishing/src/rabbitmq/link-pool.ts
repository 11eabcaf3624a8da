import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { type BrokerAddress, parseBroker } from './broker-address.js';
import { type LinkListener, RabbitLink } from './rabbit-link.js';

/** How long one broker may take to accept a connection, all handshakes included. */
const CONNECT_MS = 5000;

/** Opens links: tries the configured brokers, each in turn, the one that worked last first. */
export class LinkPool {
  private readonly brokers: readonly BrokerAddress[];
  private turn = 0;
  private readonly admittedBy = new Set<BrokerAddress>();

  /** @throws AppError BROKER_CONFIG for an address that cannot be read */
  constructor(private readonly publisher: PublisherConfig) {
    this.brokers = publisher.addresses.map((entry) => parseBroker(entry, publisher.tls.enabled));
  }

  /**
   * A link to the first broker that takes one.
   * @throws AppError: a fatal one (credentials, certificates) when every broker was tried and one said so; else
   * BROKER_UNREACHABLE
   */
  async open(listener: LinkListener, signal: AbortSignal): Promise<RabbitLink> {
    let failure: AppError | undefined;
    for (let i = 0; i < this.brokers.length && !signal.aborted; i++) {
      const turn = (this.turn + i) % this.brokers.length;
      const broker = this.brokers[turn];
      if (broker === undefined) continue;
      try {
        const admitted = this.admittedBy.has(broker);
        const link = await RabbitLink.open(this.publisher, broker, admitted, CONNECT_MS, listener, signal);
        this.admittedBy.add(broker);
        this.turn = turn;
        return link;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (failure === undefined || !error.retriable) failure = error;
      }
    }
    this.turn += 1;
    throw failure ?? new AppError('BROKER_UNREACHABLE', 'connecting to RabbitMQ was aborted');
  }
}
