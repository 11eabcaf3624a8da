import type { OutgoingEvent } from '#lib/events';
import {
  type AppError,
  Backoff,
  type CancelTimer,
  type Clock,
  deferred,
  type Logger,
  type Metrics,
  sleep,
  toAppError,
} from '#lib/kernel';
import type { Publisher, PublisherListener } from '../publisher.js';
import { SettleBatch } from '../settle-batch.js';
import type { Lane } from './bucket-lanes.js';
import { Dispatcher } from './dispatcher.js';
import { Fence, type PubsubMemory } from './fence.js';
import { LinkKeeper } from './link-keeper.js';
import { type CallFailure, mapCallFailure, STATUS, topicsMissing } from './map-pubsub-error.js';
import { type LinkSettings, PubsubLink } from './pubsub-link.js';
import { createTopic, ensureTopics } from './topic-setup.js';

/** Lanes per topic when no order is asked for: a few large requests at a time, and still one order per key. */
const UNORDERED_LANES = 8;
/** Requests out at a time: more would be smaller ones. */
const CONCURRENCY = 16;
const MIN_REFUSAL_MS = 100;
const MAX_REFUSAL_MS = 10_000;

export interface PubsubPublisherParts {
  readonly settings: LinkSettings;
  readonly deadLetterTopic: string;
  readonly memory: PubsubMemory;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * Publishes to the topics of one project. Events of one topic and bucket go one request after the other, so that nothing
 * overtakes a failed one; a request whose fate is unknown is waited out before its events are sent again (see Fence).
 */
export class PubsubPublisher implements Publisher {
  private readonly settle: SettleBatch;
  private readonly dispatcher: Dispatcher;
  private readonly fence: Fence;
  private readonly keeper: LinkKeeper;
  /** Aborts when nothing more is sent; answers still count. */
  private readonly stopping = new AbortController();
  private ended = false;
  private health: PubsubLink | undefined;
  private trouble: AppError | undefined;
  private readonly failing = new Set<Lane>();
  private readonly refusals = new Backoff(MIN_REFUSAL_MS, MAX_REFUSAL_MS);
  /** Lanes that were refused, until the back-off is over. */
  private refused: Lane[] = [];
  private cancelPause: CancelTimer | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly parts: PubsubPublisherParts,
    private readonly listener: PublisherListener,
  ) {
    const { settings, memory, logger, metrics, clock, deadLetterTopic } = parts;
    const { publisher, project } = settings;
    this.settle = new SettleBatch(listener);
    this.dispatcher = new Dispatcher(
      {
        project,
        buckets: publisher.enableOrdering ? publisher.pubsub.orderingBuckets : UNORDERED_LANES,
        ordered: publisher.enableOrdering,
        concurrency: CONCURRENCY,
        metadata: publisher.metadata,
        onPoison: publisher.onPoison,
        deadLetterTopic,
        settle: this.settle,
        metrics,
        logger,
        clock,
      },
      {
        failed: (lane, failure, unknown) => this.onFailed(lane, failure, unknown),
        stored: (lane) => this.onStored(lane),
        idle: () => this.idle?.(),
        fatal: (error) => this.fail(error),
      },
    );
    this.fence = new Fence(settings.requestMs, clock, memory, (lanes) => {
      this.dispatcher.release(lanes);
      this.dispatcher.pump();
    });
    this.keeper = new LinkKeeper(
      settings,
      clock,
      {
        connected: () => this.onConnected(),
        trouble: (error) => this.onTrouble(error),
        failed: (error) => this.fail(error),
      },
      this.stopping.signal,
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.keeper.open(signal);
  }

  async prepare(topics: readonly string[], signal: AbortSignal): Promise<void> {
    // A standby may have waited for long, and the fence wants a sign of life of now.
    const { link: opened } = this.keeper;
    const link = opened?.isReady ? opened : await this.keeper.open(signal);
    await link.probe();
    await this.fence.passed(signal);
    const { publisher, project } = this.parts.settings;
    const { createTopics } = publisher.pubsub;
    const needed = publisher.onPoison === 'deadLetter' ? [...topics, this.parts.deadLetterTopic] : topics;
    await ensureTopics(link, needed, { project, createTopics, logger: this.parts.logger });
    this.dispatcher.use(link);
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (this.stopping.signal.aborted) return;
    for (const event of events) this.dispatcher.offer(event);
    const { link } = this.keeper;
    // A connection that broke while nothing was out is replaced before anything depends on it.
    if (link !== undefined && !link.isReady && this.dispatcher.isIdle) this.lose(undefined);
    else this.dispatcher.pump();
  }

  async checkHealth(signal: AbortSignal): Promise<void> {
    if (this.trouble !== undefined) throw this.trouble;
    try {
      if (this.health === undefined) {
        const either = AbortSignal.any([signal, this.stopping.signal]);
        const health = await PubsubLink.open(this.parts.settings, either);
        if (this.ended) health.abandon();
        else this.health = health;
      } else {
        await this.health.probe();
      }
    } catch (error) {
      this.health?.abandon();
      this.health = undefined;
      throw error;
    }
  }

  async close(graceMs: number): Promise<void> {
    this.stopping.abort();
    this.cancelPause?.();
    this.dispatcher.stop();
    if (!this.ended && !this.dispatcher.isIdle) {
      const answered = deferred<void>();
      this.idle = () => answered.resolve();
      const enough = new AbortController();
      await Promise.race([answered.promise, sleep(graceMs, enough.signal, this.parts.clock)]);
      enough.abort();
    }
    this.end();
  }

  private onFailed(lane: Lane, failure: CallFailure, unknown: boolean): void {
    if (this.ended) return;
    this.failing.add(lane);
    if (unknown) this.fence.hold(lane, lane.sentAtMs);
    if (this.stopping.signal.aborted) return;
    const { project, publisher } = this.parts.settings;
    const error = mapCallFailure(failure, `topic "${lane.topic}"`, project);
    if (failure.code === STATUS.notFound && failure.answered) {
      if (publisher.pubsub.createTopics) void this.create(lane);
      else this.dispatcher.halt(topicsMissing([lane.topic], project));
    } else if (!error.retriable) {
      this.dispatcher.halt(error);
    } else if (unknown) {
      this.lose(error);
    } else {
      this.refuse(lane, error);
    }
  }

  /** A topic that was not known at start. */
  private async create(lane: Lane): Promise<void> {
    try {
      const { link } = this.keeper;
      if (link !== undefined) await createTopic(link, lane.topic, this.parts.logger);
      this.dispatcher.release([lane]);
      this.dispatcher.pump();
    } catch (thrown) {
      const error = toAppError(thrown);
      if (this.stopping.signal.aborted) return;
      if (error.retriable) this.refuse(lane, error);
      else this.dispatcher.halt(error);
    }
  }

  /** Pub/Sub refused a request: nothing is sent for a while, then this again. */
  private refuse(lane: Lane, error: AppError): void {
    this.refused.push(lane);
    this.onTrouble(error);
    if (this.cancelPause !== undefined) return;
    this.dispatcher.use(undefined);
    this.cancelPause = this.parts.clock.after(this.refusals.next(), () => {
      this.cancelPause = undefined;
      const lanes = this.refused;
      this.refused = [];
      this.dispatcher.release(lanes);
      this.resume();
    });
  }

  /** The link is of no use any more; without an error it broke while nothing was out. */
  private lose(error: AppError | undefined): void {
    if (this.keeper.link === undefined) return;
    this.dispatcher.use(undefined);
    if (error !== undefined) this.onTrouble(error);
    this.keeper.drop();
    void this.keeper.reconnect(error === undefined);
  }

  private onConnected(): void {
    const { metrics, logger, settings } = this.parts;
    metrics.reconnect('broker');
    logger.info(`connected to Pub/Sub again: ${settings.endpoint.address}`, { address: settings.endpoint.address });
    this.fence.alive();
    this.allWell();
    this.resume();
  }

  private resume(): void {
    if (this.cancelPause !== undefined || this.stopping.signal.aborted) return;
    this.dispatcher.use(this.keeper.link);
    this.dispatcher.pump();
  }

  private onTrouble(error: AppError): void {
    // One line per cause, not per attempt.
    if (this.trouble?.message !== error.message) {
      this.parts.logger.warn(`cannot publish for now: ${error.message}`, { code: error.code, ...error.facts });
    }
    this.trouble = error;
    this.listener.brokerState(error);
  }

  private onStored(lane: Lane): void {
    this.failing.delete(lane);
    this.fence.answered(this.parts.clock.now() - lane.sentAtMs);
    this.keeper.succeeded();
    this.allWell();
  }

  /** Unless something still has to be sent again. */
  private allWell(): void {
    if (this.failing.size > 0) return;
    this.refusals.reset();
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.parts.logger.info('the broker takes events again');
    this.listener.brokerState(undefined);
  }

  private fail(error: AppError): void {
    if (this.ended) return;
    this.end();
    this.listener.failed(error);
  }

  private end(): void {
    if (this.ended) return;
    this.stopping.abort();
    this.cancelPause?.();
    this.dispatcher.stop();
    this.fence.end(!this.dispatcher.isIdle);
    this.ended = true;
    this.keeper.drop();
    this.health?.abandon();
    this.settle.report();
  }
}
