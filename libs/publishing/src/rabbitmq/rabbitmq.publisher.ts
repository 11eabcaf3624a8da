import type { PublisherConfig } from '#lib/config';
import type { OutgoingEvent } from '#lib/events';
import { AppError, type Clock, type Logger, type Metrics, sleep, withTimeout } from '#lib/kernel';
import { EventWindow } from '../event-window.js';
import type { Publisher, PublisherListener } from '../publisher.js';
import { SettleBatch } from '../settle-batch.js';
import { deadLetterName } from '../topic-name.js';
import { TroubleLog } from '../trouble-log.js';
import { abortable } from './abortable.js';
import { ensureExchange } from './exchange-setup.js';
import { takePlace } from './fence.js';
import type { LinkPool } from './link-pool.js';
import type { LinkListener, RabbitLink } from './rabbit-link.js';
import { Recovery } from './recovery.js';
import { routingKey } from './routing-key.js';
import { RabbitSender } from './sender.js';
import type { SendFailure } from './sender-ports.js';

const HEALTH_MS = 5000;
/** Declaring may take a broker so long at least, however short listener.ackTimeout is. */
const MIN_ANSWER_MS = 5000;
/** How long the broker may take to say goodbye. */
const GOODBYE_MS = 1000;

export interface RabbitmqPublisherParts {
  readonly publisher: PublisherConfig;
  /** The exclusive queue that stands for this slot's place at the broker. */
  readonly placeName: string;
  readonly ackTimeoutMs: number;
  readonly pool: LinkPool;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * Publishes to one exchange over a confirm channel. A message counts when the broker confirmed it; after any trouble
 * sending goes on, in order, at the first one that it did not. A new connection publishes only once the broker has ended
 * the one before.
 */
export class RabbitmqPublisher implements Publisher {
  private readonly window = new EventWindow();
  private readonly settle: SettleBatch;
  private readonly sender: RabbitSender;
  private readonly recovery: Recovery;
  private readonly ended = new AbortController();
  /** Aborts before `ended`: nothing more is sent, confirmations still count. */
  private readonly stopping = new AbortController();
  private readonly linkListener: LinkListener = {
    confirmed: (link, tag, multiple, positive) => {
      if (link === this.link) this.sender.confirmed(tag, multiple, positive);
    },
    returned: (link, messageId) => {
      if (link === this.link) this.sender.returned(messageId);
    },
    drained: (link) => {
      if (link === this.link) this.sender.drained();
    },
    blocked: (link, reason) => {
      if (link === this.link) this.onBlocked(link, reason);
    },
    lost: (link, error, sizeLimitBytes) => {
      if (link === this.link) this.onLost(link, error, sizeLimitBytes);
    },
  };
  private link: RabbitLink | undefined;
  /** The slot is ours: every new link has to take its place at the broker first. */
  private prepared = false;
  private trouble: AppError | undefined;
  private readonly troubleLog: TroubleLog;
  /** Something was stored over the link at hand. */
  private hasStored = false;

  constructor(
    private readonly parts: RabbitmqPublisherParts,
    private readonly listener: PublisherListener,
  ) {
    const { publisher, logger, metrics, clock, ackTimeoutMs } = parts;
    this.troubleLog = new TroubleLog(logger);
    this.settle = new SettleBatch(listener);
    this.sender = new RabbitSender(
      {
        window: this.window,
        settle: this.settle,
        metrics,
        logger,
        clock,
        ackTimeoutMs,
        metadata: publisher.metadata,
        exchange: publisher.topic,
        ordering: publisher.ordering,
        onPoison: publisher.onPoison,
        unroutable: publisher.unroutable,
        deadLetterKey: routingKey(deadLetterName(publisher)),
      },
      {
        stopped: (failure) => this.recover(failure),
        fatal: (error) => this.fail(error),
        stored: () => {
          this.hasStored = true;
          this.onWell();
        },
      },
    );
    this.recovery = new Recovery(
      {
        window: this.window,
        sender: this.sender,
        clock,
        ackTimeoutMs,
        link: (signal) => this.liveLink(signal),
        dropLink: () => this.dropLink(),
      },
      {
        trouble: (error) => this.onTrouble(error),
        idle: () => this.onWell(),
        failed: (error) => this.fail(error),
      },
      this.stopping.signal,
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    this.use(await this.connect(AbortSignal.any([signal, this.stopping.signal]), 'BROKER_CONFIG'));
  }

  async prepare(_topics: readonly string[], signal: AbortSignal): Promise<void> {
    const { link } = this;
    if (!link?.isAlive) throw new AppError('BROKER_UNREACHABLE', 'the connection to RabbitMQ was lost');
    const either = AbortSignal.any([signal, this.stopping.signal]);
    await this.setUp(link, either, () => this.takePlace(link, either));
    this.prepared = true;
    this.onWell();
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (this.stopping.signal.aborted) return;
    const { sender } = this;
    for (const event of events) {
      this.window.push(event);
      if (sender.isSending) sender.offer(event);
    }
    if (sender.isSending) sender.pump();
    else if (!this.recovery.isRunning && !sender.isHalting) this.recover(undefined);
  }

  async checkHealth(): Promise<void> {
    if (this.trouble !== undefined) throw this.trouble;
    if (this.link === undefined) throw new AppError('BROKER_UNREACHABLE', 'not connected to RabbitMQ');
    await this.link.ping(HEALTH_MS);
  }

  async close(graceMs: number): Promise<void> {
    const { clock } = this.parts;
    const deadlineMs = clock.now() + graceMs;
    this.stopping.abort();
    if (!this.ended.signal.aborted) {
      this.sender.pause();
      const enough = new AbortController();
      await Promise.race([this.sender.whenAnswered(), sleep(graceMs, enough.signal, clock)]);
      enough.abort();
    }
    const { link } = this;
    const orderly = this.sender.isIdle && link?.blockedReason === undefined;
    this.end();
    if (orderly) await link?.close(Math.max(0, Math.min(GOODBYE_MS, deadlineMs - clock.now())));
    link?.destroy();
  }

  private recover(failure: SendFailure | undefined): void {
    if (!this.stopping.signal.aborted) void this.recovery.run(failure);
  }

  /**
   * A link with its channel, whose exchange is there and, once the slot is ours, its place at the broker. All is asked
   * for at once: each question takes a round trip or two.
   * @param missing what it means when the exchange is not there and may not be declared
   */
  private async connect(signal: AbortSignal, missing: 'BROKER_CONFIG' | 'BROKER_REFUSED'): Promise<RabbitLink> {
    const { pool, publisher } = this.parts;
    const link = await pool.open(this.linkListener, signal);
    await this.setUp(link, signal, async () => {
      const needed = Promise.all([link.openChannel(), ensureExchange(link, publisher, missing)]);
      const place = this.prepared ? this.takePlace(link, signal) : undefined;
      await Promise.all([this.inTime(link, needed), place]);
    });
    return link;
  }

  /** A broker that takes connections and cannot work with them is left for another one. */
  private async setUp(link: RabbitLink, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await abortable(link, signal, work);
    } catch (error) {
      this.parts.pool.passOver(link);
      throw error;
    }
  }

  private takePlace(link: RabbitLink, signal: AbortSignal): Promise<void> {
    const { placeName, clock } = this.parts;
    return takePlace(link, placeName, clock, signal, {
      waiting: (error) => this.onTrouble(error),
      inTime: (attempt) => this.inTime(link, attempt),
    });
  }

  /** What the broker has to answer; waiting for the place itself is no such thing. */
  private inTime<T>(link: RabbitLink, answer: Promise<T>): Promise<T> {
    const { ackTimeoutMs, clock } = this.parts;
    const { address } = link.party;
    const late = () => new AppError('BROKER_TIMEOUT', `RabbitMQ ${address} takes connections but does not answer`);
    return withTimeout(answer, Math.max(ackTimeoutMs, MIN_ANSWER_MS), late, clock);
  }

  private async liveLink(signal: AbortSignal): Promise<RabbitLink> {
    if (this.link?.isAlive) return this.link;
    const link = await this.connect(signal, 'BROKER_REFUSED');
    this.use(link);
    this.parts.metrics.reconnect('broker');
    this.parts.logger.debug(`connected to RabbitMQ again: ${link.party.address}`, { server: link.party.address });
    return link;
  }

  private use(link: RabbitLink): void {
    this.link = link;
    this.hasStored = false;
    // What it said before it was ours was nobody's.
    if (link.blockedReason !== undefined) this.onBlocked(link, link.blockedReason);
  }

  private dropLink(): void {
    const { link } = this;
    this.link = undefined;
    this.sender.abandon();
    if (link === undefined) return;
    this.parts.pool.passOver(link);
    link.destroy();
  }

  private onLost(link: RabbitLink, error: AppError, sizeLimitBytes: number | undefined): void {
    this.link = undefined;
    if (!this.hasStored && sizeLimitBytes === undefined) this.parts.pool.passOver(link);
    this.sender.abandon(sizeLimitBytes !== undefined);
    if (this.stopping.signal.aborted) return;
    if (this.sender.learnLimit(sizeLimitBytes ?? Infinity) && sizeLimitBytes !== undefined) {
      this.recover({ kind: 'tooLarge' });
    } else if (!error.retriable && sizeLimitBytes === undefined) {
      this.fail(error);
    } else {
      this.recover({ kind: 'lost', error });
    }
  }

  private onBlocked(link: RabbitLink, reason: string | undefined): void {
    const { address } = link.party;
    if (reason === undefined) this.onWell();
    else {
      this.onTrouble(
        new AppError('BROKER_REFUSED', `RabbitMQ ${address} has an alarm and takes no messages: ${reason}`, {
          facts: { server: address, reason },
          remedy: 'Free memory or disk space of the broker (rabbitmq-diagnostics alarms); publishing then goes on.',
        }),
      );
    }
    this.sender.blocked(reason !== undefined);
  }

  private onTrouble(error: AppError): void {
    this.troubleLog.met(error);
    this.trouble = error;
    this.listener.brokerState(error);
  }

  /** A trouble is over, unless another one lasts: an alarm, or a message that is refused. */
  private onWell(): void {
    if (this.link?.blockedReason !== undefined || this.sender.refused.size > 0) return;
    this.recovery.succeeded();
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.troubleLog.over('the broker takes events again');
    this.listener.brokerState(undefined);
  }

  private fail(error: AppError): void {
    if (this.ended.signal.aborted) return;
    this.end();
    this.listener.failed(error);
  }

  private end(): void {
    this.stopping.abort();
    this.ended.abort();
    this.sender.abandon();
    this.settle.report();
  }
}
