import type { OutgoingEvent } from '#lib/events';
import { AppError, type Clock, type Metrics, toAppError } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { BatchOutcome, KafkaClient, ProducerIdentity } from './kafka-ports.js';
import { NodeQueue, type PartitionLane } from './partition-lane.js';
import { eventBytes, type RequestBuilder, type RequestDraft, type SentBatch } from './request-builder.js';
import { type BatchRefusal, type Invalid, judge, type SendFailure } from './send-failure.js';

/** Unanswered requests to one node: one is worked on, one is on its way there, one is being answered. */
const MAX_OUTSTANDING = 3;
/** While a request is out, fewer bytes than this are not worth another: they wait for more, or for its answer. */
const WORTH_BYTES = 128 * 1024;

export interface SenderParts {
  readonly window: EventWindow;
  readonly client: KafkaClient;
  readonly builder: RequestBuilder;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
}

export interface SenderHooks {
  /** Sending stopped; what is on the wire may still be answered. Called once until `resume`. */
  stopped(failure: SendFailure): void;
  /** A batch was refused for its size, or for what is in it. */
  unfit(refusal: BatchRefusal): void;
  /** An answer was dealt with: events may have become settled. */
  answered(): void;
}

/**
 * Sends what waits in the lanes, a few requests at a time to each node, and settles what is acknowledged. Stops at the
 * first thing that goes wrong and says so; whoever it tells puts that right and resumes with a new identity.
 */
export class KafkaSender {
  private readonly nodes = new Map<number, NodeQueue>();
  private identity: ProducerIdentity | undefined;
  private sending = false;
  private unanswered = 0;
  private whenIdle: (() => void)[] = [];
  private readonly settleSeq = (seq: number) => void this.parts.window.settle(seq);

  constructor(
    private readonly parts: SenderParts,
    private readonly hooks: SenderHooks,
  ) {}

  get isSending(): boolean {
    return this.sending;
  }

  /** Begins anew under this identity; the lanes are empty, everything unsettled is enqueued after this. */
  resume(identity: ProducerIdentity): void {
    this.identity = identity;
    this.nodes.clear();
    this.sending = true;
  }

  /** Stops sending; answers to what is on the wire still count. */
  pause(): void {
    this.sending = false;
  }

  /** Resolves when nothing is unanswered. */
  whenAnswered(): Promise<void> {
    if (this.unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  enqueue(lane: PartitionLane, event: OutgoingEvent): void {
    lane.append(event.seq);
    lane.queue ??= this.queueOf(lane.leader);
    lane.queue.add(lane, eventBytes(event));
  }

  pump(): void {
    if (!this.sending) return;
    for (const node of this.nodes.values()) this.pumpNode(node);
  }

  /** Stops because of what happened outside of an answer. */
  stop(failure: SendFailure): void {
    if (!this.sending) return;
    this.sending = false;
    if (failure.kind !== 'again') this.parts.metrics.problem(failure.kind === 'refused' ? 'publish' : 'ack');
    this.hooks.stopped(failure);
  }

  private queueOf(nodeId: number): NodeQueue {
    const known = this.nodes.get(nodeId);
    if (known !== undefined) return known;
    const queue = new NodeQueue(nodeId);
    this.nodes.set(nodeId, queue);
    return queue;
  }

  private pumpNode(node: NodeQueue): void {
    const { identity, parts } = this;
    if (identity === undefined) return;
    while (this.sending && node.lanes.length > 0 && !node.preparing && node.outstanding < MAX_OUTSTANDING) {
      if (node.outstanding > 0 && node.waitingBytes < WORTH_BYTES) return;
      const draft = parts.builder.build(node, parts.clock.now());
      if (draft === undefined) return;
      node.outstanding += 1;
      this.unanswered += 1;
      parts.metrics.publishAttempts(draft.events);
      if (draft.retries > 0) parts.metrics.publishRetries(draft.retries);
      if (parts.builder.compresses) void this.compressAndSend(node, draft, identity);
      else void this.send(node, draft, identity);
    }
  }

  /** One at a time to each node: a request must not overtake the one before it. */
  private async compressAndSend(node: NodeQueue, draft: RequestDraft, identity: ProducerIdentity): Promise<void> {
    node.preparing = true;
    try {
      await this.parts.builder.compress(draft);
    } catch (error) {
      node.preparing = false;
      this.lost(node, draft, error);
      return;
    }
    node.preparing = false;
    if (this.sending) {
      const sent = this.send(node, draft, identity);
      this.pumpNode(node);
      await sent;
    } else {
      this.finished(node, draft);
    }
  }

  private async send(node: NodeQueue, draft: RequestDraft, identity: ProducerIdentity): Promise<void> {
    const { client, builder, ackTimeoutMs } = this.parts;
    let outcomes: readonly BatchOutcome[];
    try {
      outcomes = await client.produce(node.nodeId, builder.stamp(draft, identity), ackTimeoutMs);
    } catch (error) {
      this.lost(node, draft, error);
      return;
    }
    this.answered(node, draft, outcomes);
  }

  private lost(node: NodeQueue, draft: RequestDraft, thrown: unknown): void {
    for (const { lane } of draft.batches) lane.broken = true;
    this.stop({ kind: 'lost', error: toAppError(thrown) });
    this.finished(node, draft);
  }

  private answered(node: NodeQueue, draft: RequestDraft, outcomes: readonly BatchOutcome[]): void {
    const nowMs = this.parts.clock.now();
    for (const [i, batch] of draft.batches.entries()) this.conclude(batch, outcomeOf(batch, outcomes, i), nowMs);
    this.finished(node, draft);
    this.hooks.answered();
    if (this.sending) this.pumpNode(node);
  }

  private conclude(batch: SentBatch, outcome: BatchOutcome | undefined, nowMs: number): void {
    const { lane, count, records } = batch;
    // What is behind a refused batch is sent again, even if it was stored: else the refused one would stand last.
    if (lane.broken) return;
    const verdict = outcome === undefined ? unanswered(lane) : judge(outcome);
    if (verdict.kind === 'stored') {
      lane.stored(count, nowMs, this.settleSeq);
      return;
    }
    lane.broken = true;
    if (verdict.kind === 'refused') {
      this.stop({ kind: 'refused', error: verdict.error });
      return;
    }
    const invalid = verdict.kind === 'invalid' ? bySeq(verdict, lane, count) : undefined;
    const seqs = { seq: lane.firstOnWire, lastSeq: lane.onWireAt(count - 1) };
    this.hooks.unfit({ topic: lane.topic, ...seqs, events: count, bytes: records.length, invalid });
    this.stop({ kind: 'again' });
  }

  private finished(node: NodeQueue, draft: RequestDraft): void {
    this.parts.builder.release(draft);
    node.outstanding -= 1;
    this.unanswered -= 1;
    if (this.unanswered > 0) return;
    const waiting = this.whenIdle;
    this.whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}

/** Brokers answer in the order of the request. */
function outcomeOf(batch: SentBatch, outcomes: readonly BatchOutcome[], index: number): BatchOutcome | undefined {
  const { topic, partition } = batch.lane;
  const isOurs = (outcome: BatchOutcome) => outcome.topic === topic && outcome.partition === partition;
  const likely = outcomes[index];
  return likely !== undefined && isOurs(likely) ? likely : outcomes.find(isOurs);
}

/** What the server says of the events of the lane's oldest batch on the wire. */
function bySeq({ records, reason }: Invalid, lane: PartitionLane, count: number): ReadonlyMap<number, string> {
  const known = records.filter(({ index }) => index >= 0 && index < count);
  if (known.length === 0 && count === 1) return new Map([[lane.firstOnWire, reason]]);
  return new Map(known.map(({ index, reason }) => [lane.onWireAt(index), reason]));
}

function unanswered({ topic, partition }: PartitionLane) {
  const message = `Kafka said nothing about a batch for topic "${topic}" (partition ${partition})`;
  return { kind: 'refused', error: new AppError('BROKER_REFUSED', message, { facts: { topic, partition } }) } as const;
}
