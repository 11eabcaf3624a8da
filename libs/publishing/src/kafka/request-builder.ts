import type { OutgoingEvent } from '#lib/events';
import { type Clock, toAppError } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { BatchMemory } from './codec/batch-memory.js';
import type { BatchCompressor } from './codec/compression.js';
import { stampBatch } from './codec/record-batch-header.js';
import type { RecordBatchWriter } from './codec/record-batch-writer.js';
import type { PartitionBatch, ProducerIdentity } from './kafka-ports.js';
import type { NodeQueue, PartitionLane } from './partition-lane.js';

/** All batches of a request together; a single event may be larger. */
const MAX_REQUEST_BYTES = 1024 * 1024;
/** Less room than this is left for the next request. */
const MIN_BATCH_BYTES = 16 * 1024;

export interface SentBatch {
  readonly lane: PartitionLane;
  /** Events in it. */
  readonly count: number;
  /** Bytes of their keys and bodies. */
  readonly bytes: number;
  /** Sequence number of the first. */
  readonly sequence: number;
  records: Buffer;
  /** What goes back when the request is over. */
  memory: Buffer | undefined;
}

/** What goes out as one Produce request. */
export interface RequestDraft {
  readonly batches: readonly SentBatch[];
  readonly events: number;
  /** Events among them that were sent before. */
  readonly retries: number;
}

export interface RequestBuilderParts {
  readonly window: EventWindow;
  readonly writer: RecordBatchWriter;
  readonly memory: BatchMemory;
  /** undefined = none. */
  readonly compressor: BatchCompressor | undefined;
  readonly clock: Clock;
  /** What the topic's batches of several events are cut to. */
  readonly cutBytes: (topic: string) => number;
  /** What is sent in the place of an event (a dead letter), by seq. */
  readonly letters: ReadonlyMap<number, OutgoingEvent>;
}

/** Makes requests of what waits in a node's lanes: one batch per partition, encoded straight from the events' slabs. */
export class RequestBuilder {
  private retries = 0;

  constructor(private readonly parts: RequestBuilderParts) {}

  get compresses(): boolean {
    return this.parts.compressor !== undefined;
  }

  /** The next request; undefined when no lane may send now. */
  build(node: NodeQueue, nowMs: number): RequestDraft | undefined {
    const batches: SentBatch[] = [];
    const later: PartitionLane[] = [];
    const unfinished: PartitionLane[] = [];
    let room = MAX_REQUEST_BYTES;
    let events = 0;
    let lanesLeft = node.lanes.length;
    this.retries = 0;
    for (const lane of node.lanes) {
      // An equal share for each: what is reported as settled has no gaps, so the oldest of all lanes have to go first.
      const share = Math.max(MIN_BATCH_BYTES, Math.floor(room / lanesLeft));
      lanesLeft -= 1;
      if ((batches.length > 0 && room < MIN_BATCH_BYTES) || !lane.maySend(nowMs)) {
        later.push(lane);
        continue;
      }
      const batch = this.fill(lane, share, batches.length === 0 ? Number.POSITIVE_INFINITY : room, nowMs);
      if (batch === undefined) {
        later.push(lane);
        continue;
      }
      batches.push(batch);
      events += batch.count;
      room -= batch.records.length;
      node.waitingBytes -= batch.bytes;
      if (lane.waiting > 0) unfinished.push(lane);
      else lane.listed = false;
    }
    // Whoever could not send has the first turn next time.
    node.lanes = [...later, ...unfinished];
    if (node.lanes.length === 0) node.waitingBytes = 0;
    return batches.length === 0 ? undefined : { batches, events, retries: this.retries };
  }

  /** Compresses the batches, in the thread pool. @throws AppError when a codec fails */
  async compress(draft: RequestDraft): Promise<void> {
    const { compressor, memory } = this.parts;
    if (compressor === undefined) return;
    // All of them: what still works on its memory must not see it lent again.
    const results = await Promise.allSettled(
      draft.batches.map(async (batch) => {
        const plain = batch.records;
        batch.records = await compressor.compress(plain);
        batch.memory = undefined;
        memory.giveBack(plain);
      }),
    );
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw toAppError(failure.reason);
  }

  /** The request as it is written, under this identity. */
  stamp(draft: RequestDraft, identity: ProducerIdentity): readonly PartitionBatch[] {
    return draft.batches.map(({ lane, sequence, records }) => {
      stampBatch(records, identity, sequence);
      return { topic: lane.topic, partition: lane.partition, records };
    });
  }

  /** The request was answered or given up: its memory serves again. */
  release(draft: RequestDraft): void {
    for (const { memory } of draft.batches) if (memory !== undefined) this.parts.memory.giveBack(memory);
  }

  private fill(lane: PartitionLane, shareBytes: number, firstBytes: number, nowMs: number): SentBatch | undefined {
    const { window, writer, letters, clock, cutBytes } = this.parts;
    const limit = Math.min(shareBytes, cutBytes(lane.topic));
    const count = lane.waiting;
    let taken = 0;
    let bytes = 0;
    for (; taken < count; taken++) {
      const seq = lane.waitingAt(taken);
      const event = (letters.size > 0 ? letters.get(seq) : undefined) ?? window.at(seq);
      if (event === undefined) {
        writer.discard();
        throw new RangeError(`event ${seq} is settled and waits to be sent`);
      }
      // A single event may be larger: whether the topic takes it at all was seen when it got its place.
      if (!writer.tryAppend(event, taken === 0 ? firstBytes : limit)) break;
      bytes += eventBytes(event);
      if (window.sentAtMs(seq) !== 0) this.retries += 1;
      window.markSent(seq, nowMs);
    }
    if (taken === 0) return undefined;
    const { nextSequence: sequence } = lane;
    const records = writer.finish(clock.wallTime());
    lane.take(taken);
    return { lane, count: taken, bytes, sequence, records, memory: records };
  }
}

/** Bytes of the event's key and body. */
export function eventBytes(event: OutgoingEvent): number {
  return event.end - event.start + (event.keyEnd - event.keyStart);
}
