import type { PublisherConfig } from '#lib/config';
import type { OutgoingEvent } from '#lib/events';
import { AppError, type CancelTimer, type Clock, type Logger, type Metrics, sleep, toAppError } from '#lib/kernel';
import { EventWindow } from '../event-window.js';
import { poisonError } from '../poison.js';
import type { Publisher, PublisherListener } from '../publisher.js';
import { deadLetterName } from '../topic-name.js';
import { BrokerTrouble } from './broker-trouble.js';
import { BatchMemory } from './codec/batch-memory.js';
import type { BatchCompressor } from './codec/compression.js';
import { EventHeaders } from './codec/event-headers.js';
import { RecordBatchWriter } from './codec/record-batch-writer.js';
import type { KafkaClient } from './kafka-ports.js';
import { Oversize } from './oversize.js';
import type { PartitionLane } from './partition-lane.js';
import { type Placed, Placement } from './placement.js';
import { type FenceMemory, ProducerFence } from './producer-fence.js';
import { Recovery } from './recovery.js';
import { RequestBuilder } from './request-builder.js';
import type { SendFailure } from './send-failure.js';
import { KafkaSender } from './sender.js';
import { type KnownTopic, noLeader, TopicBook } from './topic-book.js';
import { kafkaTopicName } from './topic-name.js';

/** How often the topics are looked at again: new partitions, changed limits. */
const REFRESH_MS = 5 * 60_000;

export interface KafkaPublisherParts {
  readonly publisher: PublisherConfig;
  readonly ackTimeoutMs: number;
  readonly client: KafkaClient;
  readonly compressor: BatchCompressor | undefined;
  readonly transactionalId: string;
  readonly memory: FenceMemory;
  readonly logger: Logger;
  readonly setupLogger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * Publishes to the topics of one Kafka cluster. Each batch carries a producer id, an epoch and a sequence number, so that
 * of the batches on the wire none overtakes a refused one. After any trouble the epoch is raised, which shuts out what is
 * still on its way, and everything unsettled is sent again in order.
 */
export class KafkaPublisher implements Publisher {
  private readonly window = new EventWindow();
  private readonly topics: TopicBook;
  private readonly fence: ProducerFence;
  private readonly oversize: Oversize;
  private readonly placement: Placement;
  private readonly sender: KafkaSender;
  private readonly recovery: Recovery;
  private readonly ended = new AbortController();
  /** Aborts before `ended`: nothing more is sent, answers still count. */
  private readonly stopping = new AbortController();
  private readonly deadLetterTopic: string;
  /** Every event before this one was reported as settled. */
  private reportedBefore = 1;
  private readonly trouble: BrokerTrouble;
  /** The oldest unsettled event when the last trouble came, and at the last try to put it right. */
  private troubleHead = 0;
  private mendedHead = 0;
  /** Where the next event belongs, when no broker leads that partition. */
  private leaderless: PartitionLane | undefined;
  private learning = false;
  private wasLost = false;
  private cancelRefresh: CancelTimer | undefined;

  constructor(
    private readonly parts: KafkaPublisherParts,
    private readonly listener: PublisherListener,
  ) {
    const { publisher, client, compressor, logger, metrics, clock, ackTimeoutMs } = parts;
    const { window } = this;
    const memory = new BatchMemory();
    const writer = new RecordBatchWriter(new EventHeaders(publisher.metadata), memory);
    this.deadLetterTopic = kafkaTopicName(deadLetterName(publisher));
    this.topics = new TopicBook(publisher, client, parts.setupLogger);
    this.fence = new ProducerFence(parts);
    this.trouble = new BrokerTrouble(listener, logger);
    this.oversize = new Oversize({ publisher, writer, logger, metrics, deadLetterTopic: this.deadLetterTopic });
    this.placement = new Placement(
      window,
      (event) => this.place(event),
      (event) => this.halt(event),
    );
    const cutBytes = (topic: string) => this.oversize.cutBytesOf(this.topics.find(topic));
    const { letters } = this.oversize;
    const builder = new RequestBuilder({ window, writer, memory, compressor, clock, cutBytes, letters });
    this.sender = new KafkaSender(
      { window, client, builder, metrics, clock, ackTimeoutMs },
      {
        stopped: (failure) => this.recover(failure),
        unfit: (refusal) => this.oversize.refused(refusal),
        answered: () => this.onAnswered(),
      },
    );
    this.recovery = new Recovery(
      {
        whenAnswered: () => this.sender.whenAnswered(),
        mend: (signal) => this.mend(signal),
        trouble: (error) => this.onTrouble(error),
        failed: (error) => this.fail(error),
      },
      clock,
      this.stopping.signal,
    );
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.parts.client.connect(AbortSignal.any([signal, this.stopping.signal]));
  }

  async prepare(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.stopping.signal]);
    await this.topics.learn(topics, either);
    const identity = await this.fence.raise(either);
    if (either.aborted) throw new AppError('BROKER_UNREACHABLE', 'preparing was aborted');
    this.sender.resume(identity);
    this.scheduleRefresh();
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (this.stopping.signal.aborted) return;
    for (const event of events) this.window.push(event);
    this.advance();
  }

  async checkHealth(signal: AbortSignal): Promise<void> {
    if (this.trouble.current !== undefined) throw this.trouble.current;
    await this.parts.client.ping(signal);
  }

  async close(graceMs: number): Promise<void> {
    this.stopping.abort();
    if (!this.ended.signal.aborted) {
      this.sender.pause();
      const enough = new AbortController();
      await Promise.race([this.sender.whenAnswered(), sleep(graceMs, enough.signal, this.parts.clock)]);
      enough.abort();
    }
    this.end();
  }

  /** Everything that may go on goes on. */
  private advance(): void {
    if (!this.sender.isSending) return;
    if (this.placement.isBehind) {
      this.placement.run();
      this.report();
    }
    this.sender.pump();
  }

  private place(event: OutgoingEvent): Placed {
    const topic = this.topics.topicOf(event.route);
    if (topic === undefined) return this.learn();
    const poison = this.oversize.poisonOf(event, topic);
    if (poison === undefined) {
      return this.enqueue(topic, event);
    }
    const treatment = this.oversize.treat(poison);
    if (treatment.kind === 'halt') return 'halt';
    if (treatment.kind === 'skip') {
      this.window.settle(event.seq);
      return 'settled';
    }
    const letters = this.topics.find(this.deadLetterTopic);
    if (letters === undefined) return this.learn();
    return this.enqueue(letters, treatment.event);
  }

  private enqueue(topic: KnownTopic, event: OutgoingEvent): Placed {
    const lane = this.topics.laneOf(topic, event);
    if (lane.leader >= 0) {
      this.sender.enqueue(lane, event);
      return 'placed';
    }
    // All before it is settled first.
    if (event.seq === this.window.head) {
      this.leaderless = lane;
      this.sender.stop({ kind: 'refused', error: noLeader(lane.topic, lane.partition) });
    }
    return 'wait';
  }

  /** Everything before the event is settled: it is the next that a new start meets. */
  private halt(event: OutgoingEvent): void {
    const topic = this.topics.topicOf(event.route);
    const poison = topic === undefined ? undefined : this.oversize.poisonOf(event, topic);
    if (poison === undefined) return;
    this.parts.metrics.problem('publish');
    this.fail(poisonError(poison));
  }

  /** Asks for the topics that were met; events behind them wait for their place. */
  private learn(): 'wait' {
    if (!this.learning) void this.learnWanted();
    return 'wait';
  }

  private async learnWanted(): Promise<void> {
    this.learning = true;
    // All that are in the window at once, not one after the other.
    for (let seq = this.placement.end; seq < this.window.end; seq++) {
      const event = this.window.at(seq);
      if (event !== undefined) this.topics.topicOf(event.route);
    }
    try {
      await this.topics.learn([], this.stopping.signal);
      this.learning = false;
      this.advance();
    } catch (thrown) {
      this.learning = false;
      // The recovery asks for them again.
      if (!this.stopping.signal.aborted) this.sender.stop({ kind: 'lost', error: toAppError(thrown) });
    }
  }

  private recover(failure: SendFailure): void {
    if (this.stopping.signal.aborted) return;
    if (failure.kind === 'lost') this.wasLost = true;
    void this.recovery.run(failure);
  }

  private async mend(signal: AbortSignal): Promise<() => void> {
    // What this broker says of the others has not helped.
    if (this.window.head === this.mendedHead) this.parts.client.changeBroker();
    this.mendedHead = this.window.head;
    await this.parts.client.connect(signal);
    await this.topics.refresh(signal);
    if (this.leaderless !== undefined) this.topics.requireLeader(this.leaderless);
    this.leaderless = undefined;
    await this.oversize.learn(this.topics);
    // Last: a try that fails before costs no epoch.
    const identity = await this.fence.raise(signal);
    return () => {
      for (const lane of this.topics.lanes()) lane.clear();
      this.sender.resume(identity);
      this.placement.restart();
      if (this.wasLost) this.parts.metrics.reconnect('broker');
      this.wasLost = false;
      this.trouble.settledBefore(this.window.head);
      this.advance();
    };
  }

  private onAnswered(): void {
    this.report();
    if (this.placement.isBehind) this.advance();
  }

  /** Settled events are reported without gaps: what is settled behind one that is not cannot be confirmed anyway. */
  private report(): void {
    const { head } = this.window;
    if (head === this.reportedBefore || this.ended.signal.aborted) return;
    const from = this.reportedBefore;
    this.reportedBefore = head;
    this.oversize.settledBefore(head);
    this.listener.settled(from, head - 1);
    this.trouble.settledBefore(head);
  }

  private onTrouble(error: AppError): void {
    const { head } = this.window;
    // Progress since the last trouble makes this a new one.
    if (head > this.troubleHead) this.recovery.progressed();
    this.troubleHead = head;
    this.trouble.met(error, this.placement.end);
  }

  private scheduleRefresh(): void {
    this.cancelRefresh = this.parts.clock.after(REFRESH_MS, () => void this.refresh());
  }

  private async refresh(): Promise<void> {
    try {
      await this.topics.refreshSettings();
      if (this.fence.isOld || (await this.topics.hasGrown())) this.sender.stop({ kind: 'again' });
    } catch {
      // The health check reports a control connection that is lost, the next request what hinders publishing.
    }
    if (!this.stopping.signal.aborted) this.scheduleRefresh();
  }

  private fail(error: AppError): void {
    if (this.ended.signal.aborted) return;
    this.end();
    this.listener.failed(error);
  }

  private end(): void {
    this.cancelRefresh?.();
    this.stopping.abort();
    this.ended.abort();
    this.sender.pause();
    this.parts.client.close();
  }
}
