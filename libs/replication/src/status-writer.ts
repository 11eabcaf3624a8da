import type { CancelTimer, Clock } from '#lib/kernel';
import { formatLsn } from '#lib/pgoutput';

const STATUS_BYTES = 34;
/** 'r': standby status update. */
const STATUS = 0x72;
const POSTGRES_EPOCH_MS = 946_684_800_000;
/** A confirmed position is reported this soon; positions that come meanwhile ride along. */
const CONFIRM_DELAY_MS = 50;

export interface StatusWriterOptions {
  /** Sends one CopyData with this content, which is overwritten by the next one. */
  readonly send: (message: Buffer) => void;
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  /** Called on every heartbeat; true = ask the server for a sign of life. */
  readonly wantsReply: () => boolean;
}

/**
 * Tells the server what is durable: on a timer, soon after each confirmation, and at once when asked.
 * Format: https://www.postgresql.org/docs/current/protocol-replication.html (standby status update)
 *
 * Write, flush and apply positions are all the confirmed one: the server may forget what lies before it. Before the
 * first confirmation they are 0/0, which the server takes as "nothing new".
 */
export class StatusWriter {
  private readonly message = Buffer.alloc(STATUS_BYTES);
  private position = 0n;
  private reported = 0n;
  private cancelHeartbeat: CancelTimer | undefined;
  private cancelReport: CancelTimer | undefined;

  constructor(private readonly options: StatusWriterOptions) {
    this.message.writeUInt8(STATUS, 0);
  }

  get confirmed(): bigint {
    return this.position;
  }

  start(): void {
    this.cancelHeartbeat = this.options.clock.after(this.options.heartbeatIntervalMs, () => {
      this.start();
      this.write(this.options.wantsReply());
    });
  }

  stop(): void {
    this.cancelHeartbeat?.();
    this.cancelReport?.();
    this.cancelHeartbeat = undefined;
    this.cancelReport = undefined;
  }

  /**
   * Everything before `lsn` is durable.
   * @param received the greatest LSN that came in this stream
   * @throws RangeError when lsn goes back or passes `received`: the server would believe it and skip what lies between
   */
  confirm(lsn: bigint, received: bigint): void {
    if (lsn < this.position) {
      throw new RangeError(`confirmed position would go back from ${formatLsn(this.position)} to ${formatLsn(lsn)}`);
    }
    if (lsn > received) {
      throw new RangeError(`confirmed position ${formatLsn(lsn)} is past what was received, ${formatLsn(received)}`);
    }
    this.position = lsn;
    if (lsn === this.reported || this.cancelReport !== undefined) return;
    this.cancelReport = this.options.clock.after(CONFIRM_DELAY_MS, () => this.reply());
  }

  /** Sends a status now. */
  reply(): void {
    this.write(false);
  }

  private write(wantsReply: boolean): void {
    this.cancelReport?.();
    this.cancelReport = undefined;
    this.reported = this.position;
    const message = this.message;
    message.writeBigUInt64BE(this.position, 1);
    message.writeBigUInt64BE(this.position, 9);
    message.writeBigUInt64BE(this.position, 17);
    message.writeBigInt64BE(BigInt(Math.round((this.options.clock.wallTime() - POSTGRES_EPOCH_MS) * 1000)), 25);
    message.writeUInt8(wantsReply ? 1 : 0, 33);
    this.options.send(message);
  }
}
