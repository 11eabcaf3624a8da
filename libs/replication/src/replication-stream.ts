import { aborted, AppError, deferred, toAppError, withTimeout } from '#lib/kernel';
import type { CancelTimer, Clock, Logger, Metrics } from '#lib/kernel';

import { primaryKeyOf } from './catalog.js';
import type { ChangeStream, FrameSink, KnownTable, SourceIdentity, ValveReason } from './change-source.js';
import { COALESCE_MS, Coalescer } from './coalescer.js';
import type { ControlConnection } from './control-connection.js';
import { diagnose, assertObjects, type StreamObjects } from './diagnose.js';
import { isSkippedPublication } from './map-pg-error.js';
import type { ConnectionEvents } from './pg-connection.js';
import { readPublications } from './publication.js';
import type { ReplicationSession } from './replication-session.js';
import { readSlot } from './slot.js';
import { StatusWriter } from './status-writer.js';
import { Valve } from './valve.js';

/** 'w': XLogData: start LSN, end LSN, time (8 bytes each), then the plugin's message. */
const XLOG_DATA = 0x77;
const XLOG_DATA_HEADER = 25;
/** 'k': keepalive: end LSN, time (8 bytes each), 1 = reply at once. */
const KEEPALIVE = 0x6b;
const KEEPALIVE_REPLY_AT = 17;

const DIAGNOSE_TIMEOUT_MS = 5_000;
/** After the server's CopyDone the rest of a transaction may still come; it is not waited for longer than this. */
const AFTER_COPY_DONE_MS = 500;

export interface ReplicationStreamOptions {
  readonly objects: StreamObjects;
  readonly control: ControlConnection;
  readonly walSenderTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is known once the stream is open. */
export interface OpenedStream {
  readonly identity: SourceIdentity;
  readonly knownTables: readonly KnownTable[];
  readonly confirmedAtStart: bigint;
}

type State = 'opening' | 'streaming' | 'stopping' | 'over';

/** One conversation with the walsender: delivery, back-pressure, status, liveness and its end. */
export class ReplicationStream implements ChangeStream, ConnectionEvents {
  readonly closed: Promise<void>;

  private readonly end = deferred<void>();
  private readonly copyDone = deferred<void>();
  private readonly status: StatusWriter;
  private readonly coalescer = new Coalescer();
  private state: State = 'opening';
  private session: ReplicationSession | undefined;
  private over: Promise<void> = Promise.resolve();
  private valve: Valve | undefined;
  private sink: FrameSink | undefined;
  private opened: OpenedStream | undefined;
  private cancelCoalescing: CancelTimer | undefined;
  /** Greatest LSN received, as two unsigned halves: a bigint per row would be an allocation per row. */
  private receivedHigh = 0;
  private receivedLow = 0;
  private heardAtMs: number;
  private openSinceMs: number;

  constructor(private readonly options: ReplicationStreamOptions) {
    this.closed = this.end.promise;
    // Whoever does not look at it must not end the process by an unhandled rejection.
    this.closed.catch(() => undefined);
    this.heardAtMs = options.clock.now();
    this.openSinceMs = this.heardAtMs;
    this.status = new StatusWriter({
      send: (message) => this.session?.connection.sendCopyFromChunk(message),
      clock: options.clock,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      wantsReply: () => this.heartbeat(),
    });
  }

  get identity(): SourceIdentity {
    return this.facts.identity;
  }

  get knownTables(): readonly KnownTable[] {
    return this.facts.knownTables;
  }

  get confirmedAtStart(): bigint {
    return this.facts.confirmedAtStart;
  }

  /** Takes the session over in the very call that takes in CopyBothResponse: what follows is kept until start(). */
  begin(session: ReplicationSession): void {
    this.session = session;
    this.valve = new Valve(session.connection.stream);
    session.connection.once('copyDone', () => this.copyDone.resolve());
    this.state = 'streaming';
    session.connection.reader.hold();
    this.valve.hold('sink');
    this.status.start();
  }

  /** Hands over what was found out while opening, and the promise that settles when the server ends the conversation. */
  adopt(opened: OpenedStream, over: Promise<void>): void {
    this.opened = opened;
    this.over = over.then(
      () => this.fail(new AppError('PG_CONNECTION_LOST', 'PostgreSQL ended the stream')),
      (error: unknown) => this.fail(error),
    );
  }

  start(sink: FrameSink): void {
    if (this.sink !== undefined) throw new TypeError('a stream delivers to one sink');
    this.sink = sink;
    this.continueDelivery();
  }

  hold(reason: ValveReason): void {
    this.valve?.hold(reason);
  }

  release(reason: ValveReason): void {
    const wasHeld = this.valve?.isHeld === true;
    this.valve?.release(reason);
    if (wasHeld && this.valve?.isHeld === false) this.openSinceMs = this.options.clock.now();
  }

  confirm(lsn: bigint): void {
    if (this.state === 'over') return;
    this.status.confirm(lsn, this.received);
  }

  silentForMs(): number {
    return this.options.clock.now() - this.heardAtMs;
  }

  primaryKey(relationOid: number): Promise<readonly string[]> {
    return primaryKeyOf(this.options.control, relationOid);
  }

  async checkHealth(signal: AbortSignal): Promise<void> {
    const { control, objects, metrics } = this.options;
    const late = aborted(signal).then(() => {
      throw new AppError('PG_CONNECTION_LOST', 'The health check of the database took too long');
    });
    const slot = await Promise.race([readSlot(control, objects.slot), late]);
    const publications = await Promise.race([readPublications(control, objects.publications), late]);
    if (slot !== undefined) {
      metrics.slot(slot.retainedBytes, slot.walStatus);
      metrics.lagBytes(slot.lagBytes);
    }
    if (this.state !== 'streaming') return;
    try {
      assertObjects(objects, slot, publications);
      if (slot?.activePid !== this.session?.backendPid) {
        throw new AppError('PG_CONNECTION_LOST', `Slot ${objects.slot} is no longer streamed to this process`);
      }
    } catch (error) {
      this.fail(error);
      throw error;
    }
    // Our walsender holds the slot, so nobody has taken over: while reading is paused there is no other way to know.
    this.heardAtMs = this.options.clock.now();
  }

  async stop(deadlineMs: number): Promise<void> {
    const { session, valve } = this;
    if (this.state !== 'streaming' || session === undefined) {
      this.destroy();
      return;
    }
    this.state = 'stopping';
    this.quiet();
    const { connection } = session;
    this.status.reply();
    connection.endCopyFrom();
    try {
      // From here on what comes is only drained: the server's CopyDone says that it has taken the last status in.
      connection.reader.discard();
      valve?.openForGood();
      const late = () => new Error('no CopyDone');
      await withTimeout(Promise.race([this.copyDone.promise, this.over]), deadlineMs, late, this.options.clock);
      await withTimeout(this.over, Math.min(AFTER_COPY_DONE_MS, deadlineMs), late, this.options.clock);
    } catch {
      connection.destroy();
    }
    await this.shut();
    this.end.resolve();
  }

  destroy(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.quiet();
    this.session?.connection.destroy();
    this.options.control.destroy();
    void this.session?.close();
    this.end.resolve();
  }

  copyData(buffer: Buffer, start: number, end: number): void {
    const { sink } = this;
    if (sink === undefined || this.state !== 'streaming') return;
    const type = buffer[start];
    // The start LSN of XLogData is where decoding stands: of a commit it is the end of the commit record, which is the
    // position that confirms the transaction. (Its end LSN says the same in logical replication.) A keepalive's is how
    // far the server has sent everything. Both are positions that may be confirmed, and nothing beyond them is.
    if (type === XLOG_DATA && end - start >= XLOG_DATA_HEADER) {
      this.receive(buffer, start + 1);
      const busy = sink.message(buffer, start + XLOG_DATA_HEADER, end);
      if (busy !== undefined) this.waitFor(busy);
    } else if (type === KEEPALIVE && end - start > KEEPALIVE_REPLY_AT) {
      this.receive(buffer, start + 1);
      sink.keepalive(buffer.readBigUInt64BE(start + 1));
      if (buffer[start + KEEPALIVE_REPLY_AT] === 1) this.status.reply();
    } else {
      throw new AppError('PROTOCOL', `unknown message 0x${type?.toString(16) ?? ''} of ${end - start} bytes`);
    }
  }

  gulp(bytes: number, frames: number): void {
    const { clock } = this.options;
    this.heardAtMs = clock.now();
    if (this.state !== 'streaming' || this.session?.connection.reader.held !== false) return;
    this.sink?.gulpEnd();
    if (!this.coalescer.shouldPause(bytes, frames, this.heardAtMs)) return;
    this.valve?.hold('coalescing');
    this.cancelCoalescing = clock.after(COALESCE_MS, () => this.valve?.release('coalescing'));
  }

  broken(error: unknown): void {
    // While opening, whoever waits for the answer is told.
    if (this.state !== 'opening') this.fail(error);
  }

  notice(notice: { readonly code?: string; readonly routine?: string; readonly message?: string }): void {
    const { logger, objects } = this.options;
    if (!isSkippedPublication(notice)) {
      logger.debug('notice from PostgreSQL', { message: notice.message ?? '', sqlstate: notice.code ?? '' });
      return;
    }
    // Everything after this place is missing what the publication would have shown: stop at this very message.
    const facts = { slot: objects.slot, sqlstate: notice.code };
    this.fail(new AppError('PUBLICATION_TOO_YOUNG', notice.message ?? 'publication skipped', { facts }), true);
  }

  private get facts(): OpenedStream {
    if (this.opened === undefined) throw new TypeError('the stream is not open yet');
    return this.opened;
  }

  private get received(): bigint {
    return (BigInt(this.receivedHigh) << 32n) | BigInt(this.receivedLow);
  }

  private receive(buffer: Buffer, at: number): void {
    const high = buffer.readUInt32BE(at);
    const low = buffer.readUInt32BE(at + 4);
    if (high < this.receivedHigh || (high === this.receivedHigh && low <= this.receivedLow)) return;
    this.receivedHigh = high;
    this.receivedLow = low;
  }

  private waitFor(busy: Promise<void>): void {
    this.session?.connection.reader.hold();
    this.valve?.hold('sink');
    busy.then(
      () => this.continueDelivery(),
      (error: unknown) => this.fail(error),
    );
  }

  /** Delivers what was kept, then lets the socket go on, unless the sink is busy again. */
  private continueDelivery(): void {
    const reader = this.session?.connection.reader;
    if (this.state !== 'streaming' || reader === undefined) return;
    try {
      reader.release();
      if (reader.held) return;
      this.sink?.gulpEnd();
      this.release('sink');
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * One heartbeat. The server says nothing by itself while we keep sending status, so it is asked for a sign of life
   * after an interval of silence. A half-open connection is one that does not answer although we read.
   */
  private heartbeat(): boolean {
    const { clock, walSenderTimeoutMs, heartbeatIntervalMs } = this.options;
    const silentMs = this.silentForMs();
    if (this.valve?.isHeld === true) return false;
    const unansweredMs = Math.min(silentMs, clock.now() - this.openSinceMs);
    if (unansweredMs > walSenderTimeoutMs) {
      this.fail(new AppError('PG_CONNECTION_LOST', `PostgreSQL has been silent for ${Math.round(silentMs)} ms`));
    }
    return silentMs >= heartbeatIntervalMs / 2;
  }

  private fail(cause: unknown, isPublicationSkipped = false): void {
    if (this.state === 'stopping' || this.state === 'over') return;
    const error = toAppError(cause);
    this.state = 'over';
    this.quiet();
    this.session?.connection.reader.discard();
    this.session?.connection.destroy();
    const { control, objects } = this.options;
    const found = withTimeout(
      diagnose(error, control, objects, isPublicationSkipped),
      DIAGNOSE_TIMEOUT_MS,
      () => error,
    ).catch(() => error);
    void found.then(async (reason) => {
      this.end.reject(reason);
      await this.shut();
    });
  }

  /** No more timers. */
  private quiet(): void {
    this.status.stop();
    this.cancelCoalescing?.();
  }

  private async shut(): Promise<void> {
    this.state = 'over';
    await Promise.all([this.session?.close(), this.options.control.close()]);
  }
}
