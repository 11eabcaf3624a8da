import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { type BrokerAddress, parseBroker } from './broker-address.js';
import { isVhostClosed, vhostMistake } from './map-rabbitmq-error.js';
import { type LinkListener, RabbitLink } from './rabbit-link.js';

/** How long one broker may take to accept a connection, all handshakes included. */
const CONNECT_MS = 5000;
/** So often in a row a vhost may be closed to us before it ever was open: a broker that shuts down is gone by then. */
const CLOSED_VHOST_TRIES = 5;

/** Opens links: tries the configured brokers, each in turn, the one that worked last first. */
export class LinkPool {
  private readonly brokers: readonly BrokerAddress[];
  private turn = 0;
  /** A broker let us in once: who we are and where we want to is right, whatever one of them says later. */
  private admitted = false;
  private vhostClosedTimes = 0;

  /** @throws AppError BROKER_CONFIG for an address that cannot be read */
  constructor(private readonly publisher: PublisherConfig) {
    this.brokers = publisher.addresses.map((entry) => parseBroker(entry, publisher.tls.enabled));
  }

  /**
   * A link to the first broker that takes one.
   * @throws AppError when every broker was tried. Until one let us in: a fatal one (credentials, certificates) when one
   * said so, and when the vhost is closed several times in a row; afterwards only when all said so. Else a retriable one.
   */
  async open(listener: LinkListener, signal: AbortSignal): Promise<RabbitLink> {
    let failure: AppError | undefined;
    for (let i = 0; i < this.brokers.length && !signal.aborted; i++) {
      const turn = (this.turn + i) % this.brokers.length;
      const broker = this.brokers[turn];
      if (broker === undefined) continue;
      try {
        const link = await RabbitLink.open(this.publisher, broker, this.admitted, CONNECT_MS, listener, signal);
        this.admitted = true;
        this.turn = turn;
        return link;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (failure === undefined || this.weight(error) > this.weight(failure)) failure = error;
      }
    }
    this.turn += 1;
    throw this.judged(failure ?? new AppError('BROKER_UNREACHABLE', 'connecting to RabbitMQ was aborted'));
  }

  /** The link was of no use: the next one is asked of another broker first. */
  passOver({ party }: RabbitLink): void {
    if (this.brokers[this.turn % this.brokers.length]?.address === party.address) this.turn += 1;
  }

  /** Of what several brokers say the heaviest counts. */
  private weight(error: AppError): number {
    if (this.admitted) return error.retriable ? 1 : 0;
    if (!error.retriable) return 2;
    return isVhostClosed(error) ? 1 : 0;
  }

  private judged(failure: AppError): AppError {
    this.vhostClosedTimes = !this.admitted && isVhostClosed(failure) ? this.vhostClosedTimes + 1 : 0;
    return this.vhostClosedTimes >= CLOSED_VHOST_TRIES ? vhostMistake(failure) : failure;
  }
}
