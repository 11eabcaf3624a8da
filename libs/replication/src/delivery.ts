import { AppError, type CancelTimer, type Clock } from '#lib/kernel';

import type { FrameSink, ValveReason } from './change-source.js';
import { COALESCE_MS, Coalescer } from './coalescer.js';
import { READ_BYTES, type PgConnection } from './pg-connection.js';
import { Valve } from './valve.js';

/** 'w': XLogData: start LSN, end LSN, time (8 bytes each), then the plugin's message. */
const XLOG_DATA = 0x77;
const XLOG_DATA_HEADER = 25;
/** 'k': keepalive: end LSN, time (8 bytes each), 1 = reply at once. */
const KEEPALIVE = 0x6b;
const KEEPALIVE_REPLY_AT = 17;

/** A few milliseconds of work. Giving the turn up costs too: after each read a drain took a sixth longer. */
export const FULL_READS_PER_TURN = 2;

export interface DeliveryEvents {
  /** The server asked for a status; the sink has handled the keepalive. */
  replyWanted(): void;
  /** The sink threw or rejected, or the bytes make no sense. */
  failed(error: unknown): void;
}

/**
 * Brings what arrives to the sink, in order, one call at a time, and owns the valve.
 * Format: https://www.postgresql.org/docs/current/protocol-replication.html (XLogData, primary keepalive)
 */
export class Delivery {
  /** When the server was last heard, and when reading was last free to hear it (monotonic clock). */
  heardAtMs: number;
  openSinceMs: number;

  private readonly valve: Valve;
  private readonly coalescer = new Coalescer();
  private sink: FrameSink | undefined;
  private isOver = false;
  /** In a row, since everything else had its turn. */
  private fullReads = 0;
  private cancelCoalescing: CancelTimer | undefined;
  /** Greatest LSN received, as two unsigned halves: a bigint per row would be an allocation per row. */
  private receivedHigh = 0;
  private receivedLow = 0;

  /** To be made in the very call that takes in CopyBothResponse: what follows is kept until start(). */
  constructor(
    private readonly connection: PgConnection,
    private readonly clock: Clock,
    private readonly events: DeliveryEvents,
  ) {
    this.heardAtMs = clock.now();
    this.openSinceMs = this.heardAtMs;
    this.valve = new Valve(connection.stream);
    connection.reader.hold();
    this.valve.hold('sink');
  }

  /** The greatest position that came: nothing beyond it may be confirmed. */
  get received(): bigint {
    return (BigInt(this.receivedHigh) << 32n) | BigInt(this.receivedLow);
  }

  /** Whether reading is held, so that nothing can be heard. */
  get isHeld(): boolean {
    return this.valve.isHeld;
  }

  start(sink: FrameSink): void {
    if (this.sink !== undefined) throw new TypeError('a stream delivers to one sink');
    this.sink = sink;
    this.goOn();
  }

  hold(reason: ValveReason): void {
    this.valve.hold(reason);
  }

  release(reason: ValveReason): void {
    const wasHeld = this.valve.isHeld;
    this.valve.release(reason);
    if (wasHeld && !this.valve.isHeld) this.openSinceMs = this.clock.now();
  }

  /** No more deliveries; what still comes is dropped. */
  end(): void {
    this.isOver = true;
    this.cancelCoalescing?.();
    this.connection.reader.discard();
    this.valve.openForGood();
  }

  copyData(buffer: Buffer, start: number, end: number): void {
    const { sink } = this;
    if (sink === undefined || this.isOver) return;
    const type = buffer[start];
    if (type === XLOG_DATA && end - start >= XLOG_DATA_HEADER) {
      this.receive(buffer, start + 1);
      const busy = sink.message(buffer, start + XLOG_DATA_HEADER, end);
      if (busy !== undefined) this.waitFor(busy);
    } else if (type === KEEPALIVE && end - start > KEEPALIVE_REPLY_AT) {
      this.receive(buffer, start + 1);
      const wantsReply = buffer[start + KEEPALIVE_REPLY_AT] === 1;
      sink.keepalive(buffer.readBigUInt64BE(start + 1));
      if (wantsReply) this.events.replyWanted();
    } else {
      throw new AppError('PROTOCOL', `unknown message 0x${type?.toString(16) ?? ''} of ${end - start} bytes`);
    }
  }

  /** A read was taken in: its size, and the messages that ended in it. */
  gulp(bytes: number, frames: number): void {
    this.heardAtMs = this.clock.now();
    if (this.isOver || this.connection.reader.held) return;
    this.sink?.gulpEnd();
    const readOn = () => this.valve.release('coalescing');
    this.fullReads = bytes >= READ_BYTES ? this.fullReads + 1 : 0;
    if (this.coalescer.shouldPause(bytes, frames, this.heardAtMs)) {
      this.valve.hold('coalescing');
      this.cancelCoalescing = this.clock.after(COALESCE_MS, readOn);
    } else if (this.fullReads >= FULL_READS_PER_TURN) {
      // While there is more, the socket would be read up to 32 times before anything else gets its turn: probes,
      // acknowledgements and timers would wait for two megabytes of rows, each.
      this.fullReads = 0;
      this.valve.hold('coalescing');
      setImmediate(readOn);
    }
  }

  /**
   * The start LSN of XLogData is where decoding stands: of a commit it is the end of the commit record, which is the
   * position that confirms the transaction (its end LSN says the same in logical replication). A keepalive's is how far
   * the server has sent everything. Both are positions that may be confirmed, and nothing beyond them is.
   */
  private receive(buffer: Buffer, at: number): void {
    const high = buffer.readUInt32BE(at);
    const low = buffer.readUInt32BE(at + 4);
    if (high < this.receivedHigh || (high === this.receivedHigh && low <= this.receivedLow)) return;
    this.receivedHigh = high;
    this.receivedLow = low;
  }

  private waitFor(busy: Promise<void>): void {
    this.connection.reader.hold();
    this.valve.hold('sink');
    busy.then(
      () => this.goOn(),
      (error: unknown) => this.events.failed(error),
    );
  }

  /** Delivers what was kept, then lets the socket go on, unless the sink is busy again. */
  private goOn(): void {
    const { reader } = this.connection;
    if (this.isOver) return;
    try {
      reader.release();
      if (reader.held) return;
      this.sink?.gulpEnd();
      this.release('sink');
    } catch (error) {
      this.events.failed(error);
    }
  }
}
