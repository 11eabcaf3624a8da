import type { OutgoingEvent } from '#lib/events';
import { AppError, deferred, toAppError, type Clock, type Logger, type Metrics } from '#lib/kernel';
import type { Publisher, PublisherListener } from '#lib/publishing';
import type { ChangeStream, FrameSink } from '#lib/replication';
import type { AckTracker } from './ack-tracker.js';
import type { OutageReports } from './outage-reports.js';
import type { PipelineState } from './pipeline-state.js';
import { PublishedRuns } from './published-runs.js';
import type { Pump } from './pump.js';
import type { Side } from './side-of.js';

export interface SessionLimits {
  readonly maxInFlightEvents: number;
  readonly maxInFlightBytes: number;
  /**
   * When the broker takes or acknowledges nothing for longer, the session ends: PostgreSQL does not shut down while its
   * walsender waits for us to read or to confirm.
   */
  readonly maxPauseMs: number;
  /** When this process stood still for longer, another may have taken the slot over: publish nothing more. */
  readonly staleAfterMs: number;
  readonly refreshMs: number;
  readonly shutdownTimeoutMs: number;
}

export interface SessionParts {
  readonly stream: ChangeStream;
  readonly publisher: Publisher;
  readonly pump: Pick<Pump, 'message' | 'take' | 'release'>;
  readonly tracker: AckTracker;
  readonly state: PipelineState;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly outages: OutageReports;
  readonly clock: Clock;
}

const BEAT_MS = 1000;
/** Reading goes on when the window has shrunk to this part of its limit. */
const LOW_MARK = 0.75;
/** Part of the shutdown deadline that is kept for closing the replication connection properly. */
const CLOSING_SHARE = 0.2;

/**
 * One attempt from the first frame to the end: hands gathered events to the publisher, acknowledgements to the tracker,
 * the tracker's answer to PostgreSQL, and closes the valve when too much is in flight.
 */
export class Session implements FrameSink, PublisherListener {
  /** What keeps the broker from taking events now, if anything. */
  brokerTrouble: AppError | undefined;
  private readonly runs: PublishedRuns;
  private readonly failure = deferred<never>();
  private confirmed: bigint | undefined;
  private pausedSinceMs: number | undefined;
  /** Since when the oldest event in flight has been the oldest; undefined when nothing is in flight. */
  private oldestSinceMs: number | undefined;
  private lastBeatMs: number;
  private stopping = false;
  private ended = false;
  private drained: (() => void) | undefined;
  private readonly asked = new Set<Side>(); // whose answer to a health check is awaited

  constructor(
    private readonly parts: SessionParts,
    private readonly limits: SessionLimits,
  ) {
    this.runs = new PublishedRuns(parts.metrics);
    this.lastBeatMs = parts.clock.now();
    this.failure.promise.catch(() => undefined);
  }

  /** The highest LSN confirmed in this session; undefined before the first. */
  get confirmedLsn(): bigint | undefined {
    return this.confirmed;
  }

  /**
   * Streams until the signal aborts (then drains, confirms, closes and resolves) or something fails (then rejects).
   * @throws AppError
   */
  async run(signal: AbortSignal): Promise<void> {
    const { stream, state, tracker, metrics } = this.parts;
    const stopRequested = deferred<void>();
    const onAbort = () => stopRequested.resolve();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    state.watch(
      () => tracker.windowEvents > 0,
      () => stream.silentForMs(),
    );
    const beat = setInterval(() => this.beat(), BEAT_MS);
    const refresh = setInterval(() => this.checkHealth(), this.limits.refreshMs);
    try {
      stream.start(this);
      this.checkHealth();
      await Promise.race([stream.closed.then(endedUnasked), this.failure.promise, stopRequested.promise]);
      await this.stop();
    } finally {
      this.ended = true;
      clearInterval(beat);
      clearInterval(refresh);
      signal.removeEventListener('abort', onAbort);
      state.watch(() => false);
      // The next session reads again whatever is not confirmed.
      metrics.inFlight(0, 0);
    }
  }

  message(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    return this.parts.pump.message(buffer, start, end);
  }

  keepalive(walEnd: bigint): void {
    this.parts.tracker.keepalive(walEnd);
    this.confirm();
  }

  gulpEnd(): void {
    const events = this.parts.pump.take();
    this.parts.state.progress();
    if (events.length > 0) this.publish(events);
    else this.confirm();
  }

  settled(fromSeq: number, toSeq: number): void {
    if (this.ended) return;
    const { tracker, metrics, state, clock } = this.parts;
    const oldestCommitMs = tracker.oldestPendingCommitMs;
    const { durableBefore } = tracker;
    try {
      tracker.settled(fromSeq, toSeq);
    } catch (error) {
      this.failed(toAppError(error));
      return;
    }
    if (oldestCommitMs !== undefined && tracker.oldestPendingCommitMs !== oldestCommitMs) {
      metrics.commitToAck(Math.max(0, clock.wallTime() - oldestCommitMs) / 1000);
    }
    if (tracker.durableBefore > durableBefore) {
      this.oldestSinceMs = tracker.windowEvents > 0 ? clock.now() : undefined;
    }
    this.runs.durableBefore(tracker.durableBefore);
    this.parts.pump.release(tracker.durableBefore);
    state.progress();
    this.confirm();
    this.relievePressure();
    if (tracker.windowEvents === 0) this.drained?.();
  }

  brokerState(error: AppError | undefined): void {
    if (this.ended) return;
    if (error !== undefined && this.brokerTrouble === undefined) this.parts.outages.met(error);
    if (error === undefined && this.brokerTrouble !== undefined) this.parts.outages.over('broker');
    this.brokerTrouble = error;
    this.parts.state.broker(error);
  }

  failed(error: AppError): void {
    this.failure.reject(error);
  }

  private publish(events: readonly OutgoingEvent[]): void {
    if (this.isStale()) return;
    const { tracker, stream, clock } = this.parts;
    for (const event of events) this.runs.add(event);
    this.oldestSinceMs ??= clock.now();
    this.parts.publisher.publish(events);
    if (this.pausedSinceMs === undefined && this.isFull(1)) {
      this.pausedSinceMs = clock.now();
      stream.hold('backpressure');
    }
    this.parts.metrics.inFlight(tracker.windowEvents, tracker.windowBytes);
  }

  private relievePressure(): void {
    if (this.pausedSinceMs === undefined || this.isFull(LOW_MARK)) return;
    this.pausedSinceMs = undefined;
    this.parts.stream.release('backpressure');
  }

  private isFull(share: number): boolean {
    const { tracker } = this.parts;
    return (
      tracker.windowEvents >= this.limits.maxInFlightEvents * share ||
      tracker.windowBytes >= this.limits.maxInFlightBytes * share
    );
  }

  private confirm(): void {
    const lsn = this.parts.tracker.confirmable;
    if (lsn === undefined || lsn === this.confirmed || this.ended) return;
    this.confirmed = lsn;
    this.parts.stream.confirm(lsn);
    this.parts.metrics.confirmed(lsn);
    this.parts.outages.confirmed(lsn);
  }

  private beat(): void {
    if (this.isStale()) return;
    const { clock, metrics, tracker } = this.parts;
    const now = clock.now();
    this.lastBeatMs = now;
    this.checkPause(now);
    const oldest = tracker.oldestPendingCommitMs;
    metrics.lagSeconds(oldest === undefined ? 0 : Math.max(0, clock.wallTime() - oldest) / 1000);
    metrics.inFlight(tracker.windowEvents, tracker.windowBytes);
  }

  /** A stop has a deadline of its own and ends the connection in good order. */
  private checkPause(nowMs: number): void {
    if (this.stopping) return;
    const { maxPauseMs } = this.limits;
    const isOver = (sinceMs: number | undefined) => sinceMs !== undefined && nowMs - sinceMs > maxPauseMs;
    const what = isOver(this.pausedSinceMs)
      ? `no room for new events for ${maxPauseMs} ms: the broker does not keep up`
      : isOver(this.oldestSinceMs)
        ? `the oldest event in flight has not been acknowledged for ${maxPauseMs} ms`
        : undefined;
    if (what === undefined) return;
    this.failed(
      new AppError('BROKER_TIMEOUT', what, {
        remedy: 'The replication connection is closed until the broker answers; check the broker.',
      }),
    );
  }

  /**
   * A process that stood still (SIGSTOP, a suspended machine) may wake after another took the slot over. Timers and
   * frames both ask first, so whichever comes first after waking ends the session before anything is published.
   */
  private isStale(): boolean {
    const stoodStillMs = this.parts.clock.now() - this.lastBeatMs;
    if (stoodStillMs <= this.limits.staleAfterMs) return false;
    this.failed(new AppError('PG_CONNECTION_LOST', `this process stood still for ${Math.round(stoodStillMs)} ms`));
    return true;
  }

  private checkHealth(): void {
    const { stream, publisher, state } = this.parts;
    void this.ask('broker', (signal) => publisher.checkHealth(signal));
    void this.ask('database', async (signal) => {
      const reading = await stream.checkHealth(signal);
      if (reading !== undefined && !this.ended) state.slot(reading);
    });
  }

  /** Each side by itself: one that does not answer must not keep the other's answer back. */
  private async ask(side: Side, check: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.asked.has(side)) return;
    this.asked.add(side);
    const error = await check(AbortSignal.timeout(this.limits.refreshMs)).then(() => undefined, toAppError);
    this.asked.delete(side);
    if (!this.ended && !this.stopping) this.judge(side, error); // a stop cuts checks short, too
  }

  private judge(side: Side, error: AppError | undefined): void {
    if (side === 'broker' && this.brokerTrouble !== undefined) return; // of which the publisher tells, and of its end
    const { state, logger, outages } = this.parts;
    const isNews = state.checked(side, error);
    if (error === undefined) {
      if (isNews) logger.info(`the ${side} is healthy again`);
      return outages.reached(side);
    }
    if (side === 'database' && !error.retriable) this.failed(error);
    if (!isNews) return;
    logger.warn(`the ${side} health check failed`, { code: error.code, error: error.message, remedy: error.remedy });
    outages.met(error);
  }

  /** What is in flight settles, the last position is confirmed, the replication connection ends in good order. */
  private async stop(): Promise<void> {
    const { stream, tracker, logger, clock, state } = this.parts;
    const deadline = clock.now() + this.limits.shutdownTimeoutMs;
    this.stopping = true;
    state.enter('stopping');
    stream.hold('stopping');
    if (tracker.windowEvents > 0) {
      const done = new Promise<void>((resolve) => {
        this.drained = resolve;
      });
      const timer = deferred<void>();
      const cancel = clock.after(this.limits.shutdownTimeoutMs * (1 - CLOSING_SHARE), () => timer.resolve());
      try {
        await Promise.race([done, timer.promise, this.failure.promise, stream.closed]);
      } finally {
        cancel();
      }
    }
    if (tracker.windowEvents > 0) {
      logger.warn('stopped before everything in flight was acknowledged; it will be sent again with the same ids', {
        events: tracker.windowEvents,
      });
    }
    await stream.stop(Math.max(500, deadline - clock.now()));
  }
}

function endedUnasked(): never {
  throw new AppError('PG_CONNECTION_LOST', 'the server ended the replication stream');
}
