import type { PublisherConfig } from '#lib/config';
import type { OutgoingEvent } from '#lib/events';
import type { Logger, Metrics } from '#lib/kernel';
import { deadLetterBody, mustHalt, type Poison, notePassedOver } from '../poison.js';
import type { RecordBatchWriter } from './codec/record-batch-writer.js';
import type { BatchRefusal } from './send-failure.js';
import type { KnownTopic, TopicBook } from './topic-book.js';

/** More than a batch of one event has besides key and body, but for the names of schema and table. */
const OVERHEAD_BYTES = 512;

export interface OversizeParts {
  readonly publisher: PublisherConfig;
  readonly writer: RecordBatchWriter;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly deadLetterTopic: string;
}

/** What becomes of an event that the server cannot take. */
export type Treatment =
  { readonly kind: 'halt' } | { readonly kind: 'skip' } | { readonly kind: 'letter'; readonly event: OutgoingEvent };

/** Messages that a topic can never take, for their size or for what is in them, and the policy for them. */
export class Oversize {
  /** Dead letters on their way, by seq of the event that they stand for. */
  readonly letters = new Map<number, OutgoingEvent>();
  /** Sizes of batches of a single event that the server refused, by its seq. */
  private readonly tooLarge = new Map<number, number>();
  /** What the server said of events that it does not take, by seq. */
  private readonly invalid = new Map<number, string>();
  /** Topics with an event that the server does not take, though it does not say which: the last it may be, by topic. */
  private readonly suspects = new Map<string, number>();
  private refusals: BatchRefusal[] = [];
  /** Events whose dead letter was refused too. */
  private readonly hopeless = new Set<number>();
  private readonly compresses: boolean;

  constructor(private readonly parts: OversizeParts) {
    this.compresses = parts.publisher.kafka.compression !== 'none';
  }

  /** The server refused a batch; what follows from that is seen by the next `learn`. */
  refused(refusal: BatchRefusal): void {
    this.refusals.push(refusal);
  }

  /**
   * Learns from the refusals, when there were any: reads the topics' limits anew first.
   * @throws AppError when Kafka cannot be asked; the refusals are kept
   */
  async learn(topics: TopicBook): Promise<void> {
    if (this.refusals.length === 0) return;
    const before = this.refusals.map(({ topic }) => topics.find(topic)?.maxBatchBytes ?? 0);
    await topics.refreshSettings();
    for (const [i, refusal] of this.refusals.entries()) {
      const topic = topics.find(refusal.topic);
      if (topic !== undefined) this.judge(refusal, topic, before[i] ?? 0);
    }
    this.refusals = [];
  }

  /** @param maxBytesBefore the limit that was known when the batch was sent */
  private judge(refusal: BatchRefusal, topic: KnownTopic, maxBytesBefore: number): void {
    const { seq, events, bytes, invalid } = refusal;
    if (invalid !== undefined) {
      this.judgeInvalid(refusal, invalid);
      return;
    }
    const raised = topic.maxBatchBytes > maxBytesBefore && topic.maxBatchBytes >= bytes;
    if (raised) return;
    if (events > 1) {
      topic.cutBytes = Math.min(topic.cutBytes, Math.floor(bytes / 2));
      return;
    }
    this.tooLarge.set(seq, bytes);
    if (this.letters.has(seq)) this.hopeless.add(seq);
  }

  private judgeInvalid({ topic, lastSeq }: BatchRefusal, invalid: ReadonlyMap<number, string>): void {
    if (invalid.size === 0) {
      this.suspects.set(topic, Math.max(lastSeq, this.suspects.get(topic) ?? 0));
      return;
    }
    for (const [at, reason] of invalid) {
      this.invalid.set(at, reason);
      if (this.letters.has(at)) this.hopeless.add(at);
    }
  }

  /** Every event before `seq` is settled. */
  settledBefore(seq: number): void {
    for (const bySeq of [this.letters, this.tooLarge, this.invalid, this.hopeless]) {
      if (bySeq.size === 0) continue;
      for (const key of bySeq.keys()) if (key < seq) bySeq.delete(key);
    }
    for (const [topic, lastSeq] of this.suspects) if (lastSeq < seq) this.suspects.delete(topic);
  }

  /** What the topic's batches of several events are cut to; one by one shows which of them the server does not take. */
  cutBytesOf(topic: KnownTopic | undefined): number {
    return topic === undefined || this.suspects.has(topic.name) ? 0 : topic.cutBytes;
  }

  /** Why the topic cannot take the event; undefined when the topic takes it, or has not been asked yet. */
  poisonOf(event: OutgoingEvent, topic: KnownTopic): Poison | undefined {
    const reason = this.invalid.size === 0 ? undefined : this.invalid.get(event.seq);
    if (reason !== undefined) return this.invalidEvent(event, topic, reason);
    const refusedBytes = this.tooLarge.size === 0 ? undefined : this.tooLarge.get(event.seq);
    if (refusedBytes !== undefined) {
      const limitBytes = Math.min(topic.maxBatchBytes, refusedBytes - 1);
      return { event, sizeBytes: refusedBytes, limitBytes, limitName: limitOf(topic) };
    }
    // How small it gets is known only when it has been compressed.
    if (this.compresses) return undefined;
    const roughBytes = event.end - event.start + (event.keyEnd - event.keyStart) + OVERHEAD_BYTES;
    if (roughBytes + 3 * (event.route.schema.length + event.route.table.length) <= topic.maxBatchBytes)
      return undefined;
    const sizeBytes = this.parts.writer.batchBytesOf(event);
    if (sizeBytes <= topic.maxBatchBytes) return undefined;
    return { event, sizeBytes, limitBytes: topic.maxBatchBytes, limitName: limitOf(topic) };
  }

  private invalidEvent(event: OutgoingEvent, topic: KnownTopic, reason: string): Poison {
    const sizes = { sizeBytes: this.parts.writer.batchBytesOf(event), limitBytes: topic.maxBatchBytes };
    const remedy =
      `See what topic ${topic.name} demands of its records (the broker's log says more), exclude the column ` +
      '(listener.exclude.columns), or choose publisher.onPoison.';
    return { event, ...sizes, limitName: limitOf(topic), reason, remedy };
  }

  /** Applies `publisher.onPoison`; an event that is sent again is not counted and logged again. */
  treat(poison: Poison): Treatment {
    const { publisher, deadLetterTopic } = this.parts;
    const { event } = poison;
    const known = this.letters.get(event.seq);
    const keyBytes = event.keyEnd - event.keyStart;
    if (this.hopeless.has(event.seq) || mustHalt(publisher.onPoison, poison, OVERHEAD_BYTES + keyBytes)) {
      return { kind: 'halt' };
    }
    if (known !== undefined) return { kind: 'letter', event: known };
    notePassedOver(publisher.onPoison, poison, deadLetterTopic, this.parts);
    if (publisher.onPoison === 'skip') return { kind: 'skip' };
    const body = deadLetterBody(poison);
    const letter = { ...event, slab: body, start: 0, end: body.length };
    this.letters.set(event.seq, letter);
    return { kind: 'letter', event: letter };
  }
}

const limitOf = (topic: KnownTopic) => `max.message.bytes of topic ${topic.name}`;
