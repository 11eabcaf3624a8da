import { EventEncoder } from '#lib/events';
import type { RelationFilter, TopicRouter } from '#lib/filtering';
import {
  Backoff,
  deferred,
  isSameTrouble,
  linkedSignal,
  sleep,
  toAppError,
  type AppError,
  type Clock,
  type ErrorReporter,
  type Logger,
  type Metrics,
} from '#lib/kernel';
import type { AppConfig } from '#lib/config';
import { Decoder, formatLsn } from '#lib/pgoutput';
import type { Publisher, PublisherDriver, PublisherListener } from '#lib/publishing';
import { walSenderTimeoutMs, type ChangeSource, type ChangeStream } from '#lib/replication';
import { AckTracker } from './ack-tracker.js';
import { OutageReports } from './outage-reports.js';
import type { PipelineState } from './pipeline-state.js';
import { Pump } from './pump.js';
import { RelationPlanner } from './relation-planner.js';
import { RepeatedFailure } from './repeated-failure.js';
import { Session } from './session.js';
import { sideOf } from './side-of.js';
import { SlotWatch } from './slot-watch.js';

export interface SupervisorParts {
  readonly config: AppConfig;
  readonly source: ChangeSource;
  readonly driver: PublisherDriver;
  readonly filter: RelationFilter;
  readonly router: TopicRouter;
  readonly state: PipelineState;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly reporter: ErrorReporter;
  readonly clock: Clock;
}

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A standby looks this often whether the slot is free. */
const STANDBY_POLL_MS = 1_000;
/** How long what an ended attempt has on the wire may take to settle before its broker connection is cut. */
const FENCE_GRACE_MS = 5_000;
/** Servers from this version on leave out changes of foreign origin themselves. */
const ORIGIN_OPTION_SINCE = 160_000;

/**
 * Runs attempts, one after the other, each with fresh connections, until it is told to stop or a failure cannot be
 * mended by trying again. The only place that decides about retry and back-off between attempts.
 */
export class Supervisor {
  private readonly backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
  private readonly repeated = new RepeatedFailure();
  private readonly renamedTopics = new Set<string>();
  private confirmed: bigint | undefined;
  /** What the last attempt failed with, until one streams: the same again is no news. */
  private lastFailure: AppError | undefined;

  private readonly outages: OutageReports;
  private openStream: ChangeStream | undefined;

  constructor(private readonly parts: SupervisorParts) {
    this.outages = new OutageReports(parts.reporter);
  }

  /** Ends the stream without another word to the server. */
  cut(): void {
    this.openStream?.destroy();
  }

  /**
   * Resolves once stopped through the signal.
   * @throws AppError the failure that a person must mend
   */
  async run(signal: AbortSignal): Promise<void> {
    const { source, state, metrics, clock, config } = this.parts;
    const endWatch = new SlotWatch(source, state, metrics, clock).start(config.listener.refreshConnectionMs);
    // Whatever an attempt is waiting for: from now on nothing more may be expected of this process.
    const onAbort = () => state.enter('stopping');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.attempts(signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
      endWatch();
    }
  }

  private async attempts(signal: AbortSignal): Promise<void> {
    const { state, logger } = this.parts;
    while (!signal.aborted) {
      state.enter(state.phase === 'standby' ? 'standby' : 'connecting');
      try {
        // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
        await this.attempt(signal);
      } catch (thrown) {
        const error = this.repeated.judge(toAppError(thrown), this.confirmed);
        const canGoOn = error.retriable || this.makesAnew(error);
        if (signal.aborted && canGoOn) break;
        if (!canGoOn) {
          state.enter('failed', error);
          throw error;
        }
        // oxlint-disable-next-line no-await-in-loop -- back-off between attempts
        await this.waitBeforeRetry(error, signal);
      }
    }
    state.enter('stopped');
    logger.info('stopped', { confirmedLsn: this.confirmed === undefined ? undefined : formatLsn(this.confirmed) });
  }

  /** A slot lost while streaming is made anew by the next attempt, where the user chose that, as it is after a start. */
  private makesAnew({ code }: AppError): boolean {
    const { onSlotLost, createSlot } = this.parts.config.listener;
    return code === 'SLOT_LOST' && onSlotLost === 'recreate' && createSlot === 'auto';
  }

  private async waitBeforeRetry(error: AppError, signal: AbortSignal): Promise<void> {
    const { state, logger, metrics } = this.parts;
    if (error.code === 'SLOT_IN_USE') {
      if (state.phase !== 'standby')
        logger.info('standby: another process streams from the slot', { error: error.message });
      this.lastFailure = undefined;
      this.outages.over('broker');
      this.outages.over('database');
      state.reached('broker');
      state.reached('database');
      state.enter('standby');
      await sleep(STANDBY_POLL_MS, signal);
      return;
    }
    const delayMs = Math.round(this.backoff.next());
    metrics.reconnect(sideOf(error) ?? 'database');
    state.enter('waiting', error);
    const { code, message, facts } = error;
    const remedy = this.makesAnew(error)
      ? 'Nothing: the next attempt makes the slot anew (listener.onSlotLost) and says which range of the WAL is gone.'
      : error.remedy;
    const fields = { code, error: message, ...facts, remedy, delayMs };
    if (isSameTrouble(this.lastFailure, error)) logger.debug('the attempt failed again', fields);
    else logger.warn('the attempt failed; trying again until it succeeds', fields);
    this.outages.met(error);
    this.lastFailure = error;
    await sleep(delayMs, signal);
  }

  /** One attempt, with a signal of its own: a standby makes one every second, for weeks. */
  private async attempt(stopped: AbortSignal): Promise<void> {
    const { signal, unlink } = linkedSignal(stopped);
    try {
      await this.connectAndStream(signal);
    } finally {
      unlink();
    }
  }

  /** Broker first, so that a paused walsender does not wait for a broker that is down. */
  private async connectAndStream(signal: AbortSignal): Promise<void> {
    const { driver, source } = this.parts;
    const relay = new ListenerRelay();
    const publisher = driver.create(relay);
    let stream: ChangeStream | undefined;
    try {
      await publisher.open(signal);
      if (signal.aborted) return;
      this.parts.state.reached('broker');
      stream = await source.open(signal);
      this.openStream = stream;
      // A stream that ends before anyone listens must not become an unhandled rejection.
      stream.closed.catch(() => undefined);
      await this.stream(stream, publisher, relay, signal);
    } finally {
      stream?.destroy();
      await publisher.close(FENCE_GRACE_MS);
    }
  }

  private async stream(
    stream: ChangeStream,
    publisher: Publisher,
    relay: ListenerRelay,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, state, metrics, logger, clock } = this.parts;
    const planner = this.createPlanner(stream);
    await publisher.prepare(planner.topicsOf(stream.knownTables), signal);
    const tracker = new AckTracker();
    const pump = new Pump(
      { decoder: new Decoder(), planner, encoder: new EventEncoder(stream.identity), tracker, metrics, logger },
      {
        maxTransactionSize: config.listener.maxTransactionSize,
        dropForeignOrigin: config.listener.dropForeignOrigin && stream.identity.serverVersion < ORIGIN_OPTION_SINCE,
      },
    );
    const session = new Session(
      { stream, publisher, pump, tracker, state, metrics, logger, outages: this.outages, clock },
      {
        maxInFlightEvents: Math.min(config.publisher.maxInFlightEvents, this.parts.driver.window.events),
        maxInFlightBytes: Math.min(config.publisher.maxInFlightBytes, this.parts.driver.window.bytes),
        maxPauseMs: config.listener.maxPauseMs,
        staleAfterMs: walSenderTimeoutMs(config.listener.heartbeatIntervalMs),
        refreshMs: config.listener.refreshConnectionMs,
        shutdownTimeoutMs: config.shutdownTimeoutMs,
      },
    );
    logger.info('streaming', {
      slot: config.listener.slotName,
      publication: stream.identity.publications.join(','),
      from: formatLsn(stream.confirmedAtStart),
    });
    this.lastFailure = undefined;
    state.enter('streaming');
    // After it: the broker may be in trouble already.
    relay.connect(session);
    try {
      await session.run(signal);
    } finally {
      // The publisher has said it already.
      this.lastFailure = session.brokerTrouble;
      if (session.confirmedLsn !== undefined && session.confirmedLsn !== this.confirmed) {
        this.confirmed = session.confirmedLsn;
        this.backoff.reset();
      }
    }
  }

  private createPlanner(stream: ChangeStream): RelationPlanner {
    const { config, driver, filter, router, logger } = this.parts;
    return new RelationPlanner(
      {
        filter,
        router,
        topicName: (name) => driver.topicName(name),
        needsKeys: driver.needsKeys,
        tags: config.tags,
        messageKeyFrom: config.publisher.messageKeyFrom,
      },
      { tables: stream.knownTables, lsn: stream.knownAtLsn },
      (oid) => stream.primaryKey(oid),
      (wanted, topic) => {
        if (this.renamedTopics.has(wanted)) return;
        this.renamedTopics.add(wanted);
        logger.warn('characters the broker forbids were replaced in a topic', { wanted, topic });
      },
    );
  }
}

/** Stands between a publisher, which is made first, and the session, which needs it. */
class ListenerRelay implements PublisherListener {
  private target: PublisherListener | undefined;
  private readonly early = deferred<AppError>();
  private earlyBroker: AppError | undefined;

  connect(target: PublisherListener): void {
    this.target = target;
    target.brokerState(this.earlyBroker);
    void this.early.promise.then((error) => target.failed(error));
  }

  settled(fromSeq: number, toSeq: number): void {
    this.target?.settled(fromSeq, toSeq);
  }

  brokerState(error: AppError | undefined): void {
    this.earlyBroker = error;
    this.target?.brokerState(error);
  }

  failed(error: AppError): void {
    this.early.resolve(error);
  }
}
