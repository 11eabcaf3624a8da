import type { AppError, Logger } from '#lib/kernel';
import type { PublisherListener } from '../publisher.js';
import { TroubleLog } from '../trouble-log.js';

/** What stands in the way of publishing, told to whoever listens: one log line per cause, not per attempt. */
export class BrokerTrouble {
  private error: AppError | undefined;
  private untilSeq = 0;
  private readonly log: TroubleLog;

  constructor(
    private readonly listener: Pick<PublisherListener, 'brokerState'>,
    logger: Logger,
  ) {
    this.log = new TroubleLog(logger);
  }

  get current(): AppError | undefined {
    return this.error;
  }

  /** @param untilSeq what was tried: the trouble is over when all before it is settled */
  met(error: AppError, untilSeq: number): void {
    this.log.met(error);
    this.error = error;
    this.untilSeq = untilSeq;
    this.listener.brokerState(error);
  }

  /** Every event before `seq` is settled. */
  settledBefore(seq: number): void {
    if (this.error === undefined || seq < this.untilSeq) return;
    this.error = undefined;
    this.log.over('Kafka takes events again');
    this.listener.brokerState(undefined);
  }
}
