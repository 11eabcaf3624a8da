import { isSameTrouble, type AppError, type Logger } from '#lib/kernel';
import type { PublisherListener } from '../publisher.js';

/** What stands in the way of publishing, told to whoever listens: one log line per trouble, not per attempt. */
export class BrokerTrouble {
  private error: AppError | undefined;
  private untilSeq = 0;

  constructor(
    private readonly listener: Pick<PublisherListener, 'brokerState'>,
    private readonly logger: Logger,
  ) {}

  get current(): AppError | undefined {
    return this.error;
  }

  /** @param untilSeq what was tried: the trouble is over when all before it is settled */
  met(error: AppError, untilSeq: number): void {
    if (!isSameTrouble(this.error, error)) {
      this.logger.warn(`cannot publish for now: ${error.message}`, { code: error.code, ...error.facts });
    }
    this.error = error;
    this.untilSeq = untilSeq;
    this.listener.brokerState(error);
  }

  /** Every event before `seq` is settled. */
  settledBefore(seq: number): void {
    if (this.error === undefined || seq < this.untilSeq) return;
    this.error = undefined;
    this.logger.info('Kafka takes events again');
    this.listener.brokerState(undefined);
  }
}
