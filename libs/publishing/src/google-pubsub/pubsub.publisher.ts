import type { OutgoingEvent } from '#lib/events';
import { AppError, Backoff, deferred, sleep } from '#lib/kernel';
import type { CancelTimer, Clock, Logger, Metrics } from '#lib/kernel';
import type { Publisher, PublisherListener } from '../publisher.js';
import { SettleBatch } from '../settle-batch.js';
import { TroubleLog } from '../trouble-log.js';
import type { Lane } from './bucket-lanes.js';
import { Dispatcher } from './dispatcher.js';
import { Fence, type PubsubMemory } from './fence.js';
import { HealthLink } from './health-link.js';
import { LinkKeeper } from './link-keeper.js';
import { type CallFailure, lacksConnection, mapCallFailure, STATUS, topicsMissing } from './map-pubsub-error.js';
import type { LinkSettings } from './pubsub-link.js';
import { TopicCreator } from './topic-creator.js';
import { ensureTopics } from './topic-setup.js';

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
  /** Says what topics are like, once. */
  readonly setupLogger: Logger;
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
  private readonly creator: TopicCreator;
  private readonly health: HealthLink;
  /** Aborts when nothing more is sent; answers still count. */
  private readonly stopping = new AbortController();
  private ended = false;
  private trouble: AppError | undefined;
  private readonly troubleLog: TroubleLog;
  private readonly failing = new Set<Lane>();
  private readonly refusals = new Backoff(MIN_REFUSAL_MS, MAX_REFUSAL_MS);
  /** Lanes that were refused, until the back-off is over and there is a link. */
  private refused: Lane[] = [];
  private cancelPause: CancelTimer | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly parts: PubsubPublisherParts,
    private readonly listener: PublisherListener,
  ) {
    const { settings, memory, logger, metrics, clock, deadLetterTopic } = parts;
    const { publisher, project } = settings;
    this.troubleLog = new TroubleLog(logger);
    this.settle = new SettleBatch(listener);
    this.dispatcher = new Dispatcher(
      {
        project,
        buckets: publisher.enableOrdering ? publisher.pubsub.orderingBuckets : UNORDERED_LANES,
        ordered: publisher.enableOrdering,
        concurrency: CONCURRENCY,
        requestMs: settings.requestMs,
        metadata: publisher.metadata,
        onPoison: publisher.onPoison,
        deadLetterTopic,
        settle: this.settle,
        metrics,
        logger,
        clock,
      },
      {
        failed: (lane, failure) => this.onFailed(lane, failure),
        stored: (lane) => this.onStored(lane),
        passedOver: (lane) => this.onPassedOver(lane),
        stoodStill: () => this.lose(stoodStill()),
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
      memory,
      {
        connected: () => this.onConnected(),
        trouble: (error) => this.onTrouble(error),
        failed: (error) => this.fail(error),
      },
      this.stopping.signal,
    );
    this.creator = new TopicCreator(logger, {
      created: (lanes) => this.onCreated(lanes),
      failed: (lanes, error) => this.onNotCreated(lanes, error),
    });
    this.health = new HealthLink(settings, this.stopping.signal);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.keeper.open(signal);
    this.fence.alive();
  }

  async prepare(topics: readonly string[], signal: AbortSignal): Promise<void> {
    // A standby may have waited for long.
    const { link: opened } = this.keeper;
    const link = opened?.isReady ? opened : await this.keeper.open(signal);
    await link.probe();
    await this.fence.passed(signal);
    const { publisher, project } = this.parts.settings;
    const { createTopics } = publisher.pubsub;
    const needed = publisher.onPoison === 'deadLetter' ? [...topics, this.parts.deadLetterTopic] : topics;
    await ensureTopics(link, needed, { project, createTopics, logger: this.parts.setupLogger });
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
    await this.health.check(signal);
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

  private onFailed(lane: Lane, failure: CallFailure): void {
    if (this.ended) return;
    this.failing.add(lane);
    const { fate, code } = failure;
    if (fate === 'lost') this.fence.holdLost(lane);
    else if (fate === 'late') this.fence.holdAnswered(lane);
    if (this.stopping.signal.aborted) return;
    const { project } = this.parts.settings;
    const error = mapCallFailure(failure, `topic "${lane.topic}"`, project, true);
    if (code === STATUS.notFound) {
      this.onMissing(lane);
    } else if (!error.retriable) {
      this.dispatcher.halt(error);
    } else if (fate === 'lost') {
      this.lose(error);
    } else if (fate === 'late') {
      this.refuse([], error);
    } else if (lacksConnection(failure)) {
      // gRPC would try again by itself, but not read the files anew.
      this.refused.push(lane);
      this.lose(error);
    } else {
      this.refuse([lane], error);
    }
  }

  /** A topic that was not known at start, or has vanished. */
  private onMissing(lane: Lane): void {
    const { publisher, project } = this.parts.settings;
    const { link } = this.keeper;
    const missing = topicsMissing([lane.topic], project);
    if (!publisher.pubsub.createTopics) this.dispatcher.halt(missing);
    else if (link === undefined) this.refused.push(lane);
    else void this.creator.create(link, lane);
  }

  private onCreated(lanes: readonly Lane[]): void {
    this.dispatcher.release(lanes);
    this.dispatcher.pump();
  }

  private onNotCreated(lanes: readonly Lane[], error: AppError): void {
    if (this.stopping.signal.aborted) return;
    if (error.retriable) this.refuse(lanes, error);
    else this.dispatcher.halt(error);
  }

  /** Pub/Sub refused a request: nothing is sent for a while, then these lanes again. */
  private refuse(lanes: readonly Lane[], error: AppError): void {
    if (this.stopping.signal.aborted) return;
    this.refused.push(...lanes);
    this.onTrouble(error);
    if (this.cancelPause !== undefined) return;
    this.dispatcher.use(undefined);
    this.cancelPause = this.parts.clock.after(this.refusals.next(), () => {
      this.cancelPause = undefined;
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
    logger.debug(`connected to Pub/Sub again: ${settings.endpoint.address}`, { address: settings.endpoint.address });
    this.fence.alive();
    this.allWell();
    this.resume();
  }

  private resume(): void {
    if (this.cancelPause !== undefined || this.stopping.signal.aborted) return;
    this.dispatcher.release(this.refused);
    this.refused = [];
    this.dispatcher.use(this.keeper.link);
    this.dispatcher.pump();
  }

  private onTrouble(error: AppError): void {
    this.troubleLog.met(error);
    this.trouble = error;
    this.listener.brokerState(error);
  }

  private onStored(lane: Lane): void {
    this.failing.delete(lane);
    this.keeper.succeeded();
    this.allWell();
  }

  private onPassedOver(lane: Lane): void {
    this.failing.delete(lane);
    this.allWell();
  }

  /** Unless something still has to be sent again. */
  private allWell(): void {
    if (this.failing.size > 0) return;
    this.refusals.reset();
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.troubleLog.over('the broker takes events again');
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
    this.health.end();
    this.settle.report();
  }
}

function stoodStill(): AppError {
  return new AppError('BROKER_TIMEOUT', 'this process stood still for longer than a request may take');
}
