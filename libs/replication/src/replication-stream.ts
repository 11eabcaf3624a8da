import { aborted, AppError, deferred, toAppError, withTimeout } from '#lib/kernel';
import type { Clock, Logger, SlotReading } from '#lib/kernel';

import { primaryKeyOf } from './catalog.js';
import type { ChangeStream, FrameSink, KnownTable, SourceIdentity, ValveReason } from './change-source.js';
import type { ControlConnection } from './control-connection.js';
import { Delivery } from './delivery.js';
import { assertObjects, diagnose, type StreamObjects } from './diagnose.js';
import { isSkippedPublication } from './map-pg-error.js';
import type { ConnectionEvents } from './pg-connection.js';
import { readPublications } from './publication.js';
import type { ReplicationSession } from './replication-session.js';
import { readSlot, slotReading } from './slot.js';
import { StatusWriter } from './status-writer.js';

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
}

/** What is known once the stream is open. */
export interface OpenedStream {
  readonly identity: SourceIdentity;
  readonly knownTables: readonly KnownTable[];
  readonly knownAtLsn: bigint;
  readonly confirmedAtStart: bigint;
}

/** A session that streams, and what brings its frames to the sink. */
interface Streaming {
  readonly session: ReplicationSession;
  readonly delivery: Delivery;
}

/**
 * One conversation with the walsender: delivery, back-pressure, status, liveness and its end. After destroy() `closed`
 * resolves, since nothing broke.
 */
export class ReplicationStream implements ChangeStream, ConnectionEvents {
  readonly closed: Promise<void>;

  private readonly ending = deferred<void>();
  private readonly copyDone = deferred<void>();
  private readonly status: StatusWriter;
  private state: 'opening' | 'streaming' | 'stopping' | 'over' = 'opening';
  private streaming: Streaming | undefined;
  private over: Promise<void> = Promise.resolve();
  private opened: OpenedStream | undefined;

  constructor(private readonly options: ReplicationStreamOptions) {
    this.closed = this.ending.promise;
    // Whoever does not look at it must not end the process by an unhandled rejection.
    this.closed.catch(() => undefined);
    this.status = new StatusWriter({
      send: (message) => this.streaming?.session.connection.sendCopyFromChunk(message),
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

  get knownAtLsn(): bigint {
    return this.facts.knownAtLsn;
  }

  get confirmedAtStart(): bigint {
    return this.facts.confirmedAtStart;
  }

  /** Takes the session over in the very call that takes in CopyBothResponse. */
  begin(session: ReplicationSession): void {
    const delivery = new Delivery(session.connection, this.options.clock, {
      replyWanted: () => this.status.reply(),
      failed: (error) => this.fail(error),
    });
    this.streaming = { session, delivery };
    session.connection.once('copyDone', () => this.copyDone.resolve());
    this.state = 'streaming';
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
    this.streaming?.delivery.start(sink);
  }

  hold(reason: ValveReason): void {
    this.streaming?.delivery.hold(reason);
  }

  release(reason: ValveReason): void {
    this.streaming?.delivery.release(reason);
  }

  confirm(lsn: bigint): void {
    // After our CopyDone the server takes no status any more.
    if (this.state === 'streaming') this.status.confirm(lsn, this.streaming?.delivery.received ?? 0n);
  }

  silentForMs(): number {
    const now = this.options.clock.now();
    return now - (this.streaming?.delivery.heardAtMs ?? now);
  }

  primaryKey(relationOid: number): Promise<readonly string[]> {
    return primaryKeyOf(this.options.control, relationOid);
  }

  async checkHealth(signal: AbortSignal): Promise<SlotReading | undefined> {
    const { control, objects, clock } = this.options;
    const late = aborted(signal).then(() => {
      throw new AppError('PG_CONNECTION_LOST', 'The health check of the database took too long');
    });
    const slot = await Promise.race([readSlot(control, objects.slot), late]);
    const publications = await Promise.race([readPublications(control, objects.publications), late]);
    const reading = slot === undefined ? undefined : slotReading(slot);
    const { streaming } = this;
    if (this.state !== 'streaming' || streaming === undefined) return reading;
    try {
      assertObjects(objects, slot, publications);
      if (slot?.activePid !== streaming.session.backendPid) {
        throw new AppError('PG_CONNECTION_LOST', `Slot ${objects.slot} is no longer streamed to this process`);
      }
    } catch (error) {
      this.fail(error);
      throw error;
    }
    // Our walsender holds the slot, so nobody has taken over: while reading is paused there is no other way to know.
    streaming.delivery.heardAtMs = clock.now();
    return reading;
  }

  async stop(deadlineMs: number): Promise<void> {
    const { streaming } = this;
    if (this.state !== 'streaming' || streaming === undefined) {
      this.destroy();
      return;
    }
    const { clock } = this.options;
    const { connection } = streaming.session;
    this.state = 'stopping';
    this.status.stop();
    this.status.reply();
    connection.endCopyFrom();
    try {
      // From here on what comes is only drained: the server's CopyDone says that it has taken the last status in.
      streaming.delivery.end();
      const late = (): Error => new Error('no CopyDone');
      await withTimeout(Promise.race([this.copyDone.promise, this.over]), deadlineMs, late, clock);
      await withTimeout(this.over, Math.min(AFTER_COPY_DONE_MS, deadlineMs), late, clock);
    } catch {
      connection.destroy();
    }
    await this.shut();
    this.ending.resolve();
  }

  destroy(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.quiet();
    this.options.control.destroy();
    void this.streaming?.session.close();
    this.ending.resolve();
  }

  copyData(buffer: Buffer, start: number, end: number): void {
    this.streaming?.delivery.copyData(buffer, start, end);
  }

  gulp(bytes: number, frames: number): void {
    this.streaming?.delivery.gulp(bytes, frames);
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
    // What the publication would have shown is missing from here on: stop at this very message.
    const facts = { slot: objects.slot, sqlstate: notice.code };
    this.fail(new AppError('PUBLICATION_TOO_YOUNG', notice.message ?? 'publication skipped', { facts }), true);
  }

  private get facts(): OpenedStream {
    if (this.opened === undefined) throw new TypeError('the stream is not open yet');
    return this.opened;
  }

  /**
   * One heartbeat; says whether to ask for a sign of life. The server says nothing by itself while we keep sending status,
   * so it is asked after a silence. A half-open connection is one that does not answer although we read.
   */
  private heartbeat(): boolean {
    const { clock, walSenderTimeoutMs, heartbeatIntervalMs } = this.options;
    const delivery = this.streaming?.delivery;
    if (delivery === undefined || delivery.isHeld) return false;
    const silentMs = this.silentForMs();
    if (Math.min(silentMs, clock.now() - delivery.openSinceMs) > walSenderTimeoutMs) {
      this.fail(new AppError('PG_CONNECTION_LOST', `PostgreSQL has been silent for ${Math.round(silentMs)} ms`));
    }
    return silentMs >= heartbeatIntervalMs / 2;
  }

  private fail(cause: unknown, isPublicationSkipped = false): void {
    if (this.state === 'stopping' || this.state === 'over') return;
    this.state = 'over';
    this.quiet();
    void this.report(toAppError(cause), isPublicationSkipped);
  }

  /** Tells why it broke, once the catalog was asked, and closes. */
  private async report(failure: AppError, isPublicationSkipped: boolean): Promise<void> {
    const { control, objects } = this.options;
    const diagnosis = diagnose(failure, control, objects, isPublicationSkipped);
    const reason = await withTimeout(diagnosis, DIAGNOSE_TIMEOUT_MS, () => failure).catch(() => failure);
    this.ending.reject(reason);
    await this.shut();
  }

  /** No more timers, deliveries or bytes. */
  private quiet(): void {
    this.status.stop();
    this.streaming?.delivery.end();
    this.streaming?.session.connection.destroy();
  }

  private async shut(): Promise<void> {
    this.state = 'over';
    await Promise.all([this.streaming?.session.close(), this.options.control.close()]);
  }
}
