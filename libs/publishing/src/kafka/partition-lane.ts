import { sequenceAfter } from './codec/record-batch-header.js';

/** What a partition's state of this producer must be younger than to be relied on; the broker keeps it for a day by default. */
const PROVEN_MS = 60_000;
const INITIAL_CAPACITY = 256;

/**
 * The events on their way to one partition: those of the batches on the wire, oldest first, then those that wait. Holds
 * seqs in a ring, nothing per event.
 */
export class PartitionLane {
  /** Sequence number of the next batch's first record: int32, wraps to 0. */
  nextSequence = 0;
  /** Batches on the wire. */
  outstanding = 0;
  /** A batch was refused or lost: whatever is said about those behind it does not count, they are all sent again. */
  broken = false;
  /** The leader's queue, once the lane was used under this identity. */
  queue: NodeQueue | undefined;
  /** Set while the lane is in its node's list of lanes with something to send. */
  listed = false;
  private seqs = new Float64Array(INITIAL_CAPACITY);
  private head = 0;
  private sent = 0;
  private tail = 0;
  private provenAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly topic: string,
    readonly partition: number,
    /** Node id; -1 = none now. */
    public leader: number,
  ) {}

  /** Events that wait to be sent. */
  get waiting(): number {
    return this.tail - this.sent;
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** The seq of the oldest event on the wire. */
  get firstOnWire(): number {
    return this.seqs[this.head & (this.seqs.length - 1)] ?? 0;
  }

  /** The seq of the event at `index` of the oldest batch on the wire. */
  onWireAt(index: number): number {
    return this.seqs[(this.head + index) & (this.seqs.length - 1)] ?? 0;
  }

  append(seq: number): void {
    if (this.tail - this.head === this.seqs.length) this.grow();
    this.seqs[this.tail & (this.seqs.length - 1)] = seq;
    this.tail += 1;
  }

  /** The seq of the waiting event at `index`, 0 = the next to be sent. */
  waitingAt(index: number): number {
    return this.seqs[(this.sent + index) & (this.seqs.length - 1)] ?? 0;
  }

  /**
   * Whether another batch may go out. A partition accepts any sequence number from a producer id that it does not know
   * (yet, or any more), so until it has stored a batch of ours, a second one could be stored though the first is refused.
   */
  maySend(nowMs: number): boolean {
    return this.outstanding === 0 || nowMs - this.provenAtMs < PROVEN_MS;
  }

  /** The next `count` waiting events went out as one batch. */
  take(count: number): void {
    this.sent += count;
    this.outstanding += 1;
    this.nextSequence = sequenceAfter(this.nextSequence, count);
  }

  /** The oldest batch on the wire, of `count` events, is stored; `each` is given their seqs. */
  stored(count: number, nowMs: number, each: (seq: number) => void): void {
    const mask = this.seqs.length - 1;
    for (const end = this.head + count; this.head < end; this.head++) each(this.seqs[this.head & mask] ?? 0);
    this.outstanding -= 1;
    this.provenAtMs = nowMs;
  }

  /** Forgets everything, before all that is unsettled is appended anew under another identity. */
  clear(): void {
    this.head = this.sent = this.tail = 0;
    this.nextSequence = 0;
    this.outstanding = 0;
    this.broken = false;
    this.queue = undefined;
    this.listed = false;
    this.provenAtMs = Number.NEGATIVE_INFINITY;
  }

  private grow(): void {
    const seqs = new Float64Array(this.seqs.length * 2);
    for (let at = this.head; at < this.tail; at++) {
      seqs[at & (seqs.length - 1)] = this.seqs[at & (this.seqs.length - 1)] ?? 0;
    }
    this.seqs = seqs;
  }
}

/** What waits for one broker node, and how many requests to it are unanswered. */
export class NodeQueue {
  /** Lanes with waiting events; the first is served first. */
  lanes: PartitionLane[] = [];
  /** About as many bytes wait in them. */
  waitingBytes = 0;
  outstanding = 0;
  /** A request is being compressed: no other may be made before it is out. */
  preparing = false;

  constructor(readonly nodeId: number) {}

  add(lane: PartitionLane, bytes: number): void {
    this.waitingBytes += bytes;
    if (lane.listed) return;
    lane.listed = true;
    this.lanes.push(lane);
  }
}
