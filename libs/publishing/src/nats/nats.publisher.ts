import type { PublisherConfig } from '#lib/config';
import type { OutgoingEvent } from '#lib/events';
import { AppError, type Clock, type Logger, type Metrics, sleep } from '#lib/kernel';
import { EventWindow } from '../event-window.js';
import type { Publisher, PublisherListener } from '../publisher.js';
import { SettleBatch } from '../settle-batch.js';
import { deadLetterName } from '../topic-name.js';
import { TroubleLog } from '../trouble-log.js';
import type { LinkPool } from './link-pool.js';
import type { NatsLink } from './nats-link.js';
import { Recovery } from './recovery.js';
import { chainMode, keyedMode } from './send-mode.js';
import { NatsSender } from './sender.js';
import type { SendFailure } from './send-failure.js';
import { StreamReader } from './stream-facts.js';
import { ensureStream, notCovered, uncovered } from './stream-setup.js';
import { subjectName } from './subject-name.js';

const HEALTH_MS = 5000;

/** What one attempt leaves to the next. */
export interface NatsMemory {
  /** The stream has other writers: the chain is given up for one unacknowledged message per key. */
  keyed: boolean;
  /** Attempts that ended because somebody else wrote ids like ours. */
  strangers: number;
}

export interface NatsPublisherParts {
  readonly publisher: PublisherConfig;
  readonly ackTimeoutMs: number;
  readonly pool: LinkPool;
  readonly memory: NatsMemory;
  readonly logger: Logger;
  /** Says what the stream is like, once. */
  readonly setupLogger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * Publishes to one JetStream stream. Every message waits for its acknowledgement and (chained) is stored only directly
 * after the one before it, so that nothing overtakes a refused one, and nothing that an abandoned connection still holds
 * lands in a wrong place. After any trouble the stream's end is read and sending goes on behind what it proves stored.
 */
export class NatsPublisher implements Publisher {
  private readonly window = new EventWindow();
  private readonly settle: SettleBatch;
  private readonly sender: NatsSender;
  private readonly recovery: Recovery;
  private readonly ended = new AbortController();
  /** Aborts before `ended`: nothing more is sent, answers still count. */
  private readonly stopping = new AbortController();
  private link: NatsLink | undefined;
  private stream = '';
  private trouble: AppError | undefined;
  private readonly troubleLog: TroubleLog;

  constructor(
    private readonly parts: NatsPublisherParts,
    private readonly listener: PublisherListener,
  ) {
    const { publisher, logger, metrics, clock, ackTimeoutMs, memory } = parts;
    this.troubleLog = new TroubleLog(logger);
    this.settle = new SettleBatch(listener);
    this.sender = new NatsSender(
      {
        window: this.window,
        settle: this.settle,
        metrics,
        logger,
        clock,
        ackTimeoutMs,
        metadata: publisher.metadata,
        onPoison: publisher.onPoison,
        deadLetterSubject: subjectName(deadLetterName(publisher)),
      },
      memory.keyed ? keyedMode() : chainMode(this.window),
      {
        stopped: (failure) => this.recover(failure),
        fatal: (error) => this.fail(error),
        stored: () => this.onStored(),
      },
    );
    this.recovery = new Recovery(
      {
        window: this.window,
        sender: this.sender,
        clock,
        ackTimeoutMs,
        stream: () => this.stream,
        link: (signal) => this.liveLink(signal),
        dropLink: () => this.dropLink(),
      },
      {
        trouble: (error) => this.onTrouble(error),
        idle: () => this.onStored(),
        otherWriter: (ownForm) => this.onOtherWriter(ownForm),
        failed: (error) => this.fail(error),
      },
      this.stopping.signal,
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    const link = await this.connect(AbortSignal.any([signal, this.stopping.signal]));
    const onAbort = () => void link.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const info = await ensureStream(new StreamReader(link), this.parts.publisher, this.parts.setupLogger);
      this.stream = info.config.name;
      this.link = link;
    } catch (error) {
      await link.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async prepare(topics: readonly string[]): Promise<void> {
    const link = this.link;
    if (link === undefined) throw new AppError('BROKER_UNREACHABLE', 'the connection to NATS was lost');
    const info = await new StreamReader(link).info(this.stream);
    if (info === undefined) throw new AppError('BROKER_REFUSED', `stream "${this.stream}" does not exist any more`);
    const missing = uncovered(info.config, topics);
    if (missing.length > 0) throw notCovered(info.config, missing);
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (this.stopping.signal.aborted) return;
    const { sender, recovery } = this;
    for (const event of events) {
      this.window.push(event);
      if (sender.isSending) sender.offer(event);
    }
    if (sender.isSending) sender.pump();
    else if (recovery.isRunning) recovery.poke();
    else if (!sender.isHalting) this.recover(undefined);
  }

  async checkHealth(): Promise<void> {
    if (this.trouble !== undefined) throw this.trouble;
    if (this.link === undefined) throw new AppError('BROKER_UNREACHABLE', 'not connected to NATS');
    await this.link.ping(HEALTH_MS);
  }

  async close(graceMs: number): Promise<void> {
    this.stopping.abort();
    this.recovery.poke();
    if (!this.ended.signal.aborted) {
      this.sender.pause();
      const enough = new AbortController();
      await Promise.race([this.sender.whenAnswered(), sleep(graceMs, enough.signal, this.parts.clock)]);
      enough.abort();
    }
    this.end();
    await this.link?.close();
  }

  private recover(failure: SendFailure | undefined): void {
    if (!this.stopping.signal.aborted) void this.recovery.run(failure);
  }

  private async connect(signal: AbortSignal): Promise<NatsLink> {
    return this.parts.pool.open(
      {
        reply: (link, seq, data) => {
          if (link === this.link) this.sender.reply(seq, data);
        },
        lost: (link, error) => this.onLost(link, error),
      },
      signal,
    );
  }

  private async liveLink(signal: AbortSignal): Promise<NatsLink> {
    if (this.link?.isAlive) return this.link;
    const link = await this.connect(signal);
    if (signal.aborted) {
      await link.close();
      throw new AppError('BROKER_UNREACHABLE', 'connecting was aborted');
    }
    this.link = link;
    this.parts.metrics.reconnect('broker');
    this.parts.logger.debug(`connected to NATS again: ${link.server}`, { server: link.server });
    return link;
  }

  private dropLink(): void {
    const link = this.link;
    this.link = undefined;
    this.sender.abandon();
    void link?.close();
  }

  private onLost(link: NatsLink, error: AppError): void {
    if (link !== this.link) return;
    this.link = undefined;
    this.sender.abandon();
    if (this.stopping.signal.aborted) return;
    if (!error.retriable) this.fail(error);
    else if (this.recovery.isRunning) this.recovery.poke();
    else this.recover({ kind: 'lost', error });
  }

  private onTrouble(error: AppError): void {
    this.troubleLog.met(error);
    this.trouble = error;
    this.listener.brokerState(error);
  }

  private onStored(): void {
    this.recovery.succeeded();
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.troubleLog.over('the broker takes events again');
    this.listener.brokerState(undefined);
  }

  private onOtherWriter(ownForm: boolean): void {
    const { memory, publisher, logger } = this.parts;
    const { stream } = this;
    if (publisher.nats.chain === 'on' || (ownForm && memory.strangers === 0)) {
      memory.strangers += 1;
      throw new AppError('BROKER_OTHER_WRITER', `another writer publishes to stream "${stream}"`, {
        facts: { stream },
      });
    }
    memory.keyed = true;
    this.sender.use(keyedMode());
    logger.warn(
      `stream "${stream}" has other writers: one unacknowledged message per ordering key from now on, which is slower`,
      { stream },
    );
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
    this.recovery.poke();
    this.settle.report();
  }
}
