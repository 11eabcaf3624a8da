import type { OutgoingEvent } from '#lib/events';
import { keyHash } from '../key-hash.js';

/**
 * Watches the stream sequences of acknowledged events. The server drops a message whose id it saw within the duplicate
 * window and answers with the sequence of the one it has. When that lies before an earlier event of the same order (which
 * had left the window and was stored once more), the later event must be stored once more too, or the repeat of the
 * earlier one would stand last.
 */
export interface OrderProof {
  /** False when the event must be published again, without an id. */
  accept(event: OutgoingEvent, seq: number): boolean;
  /** What is not settled by now may not lie at or before this sequence. */
  raise(seq: number): void;
}

/** For one total order. */
export class TotalOrderProof implements OrderProof {
  private lastSeq = 0;

  accept(_event: OutgoingEvent, seq: number): boolean {
    if (seq <= this.lastSeq) return false;
    this.lastSeq = seq;
    return true;
  }

  raise(seq: number): void {
    if (seq > this.lastSeq) this.lastSeq = seq;
  }
}

const BUCKETS = 1 << 16;

/**
 * For an order per key, in bounded memory: keys share buckets. A shared bucket can only ask for a repeat too many, which
 * is in order, since everything after it is checked against it in turn.
 */
export class KeyedOrderProof implements OrderProof {
  private readonly lastSeqs = new Float64Array(BUCKETS);
  private lastBarrierSeq = 0;
  private highestSeq = 0;

  accept(event: OutgoingEvent, seq: number): boolean {
    const bucket = bucketOf(event);
    const least = event.barrier ? this.highestSeq : Math.max(this.lastSeqs[bucket] ?? 0, this.lastBarrierSeq);
    if (seq <= least) return false;
    this.lastSeqs[bucket] = seq;
    if (seq > this.highestSeq) this.highestSeq = seq;
    if (event.barrier) this.lastBarrierSeq = seq;
    return true;
  }

  raise(): void {
    // Others write to the stream: its last sequence says nothing about ours.
  }
}

function bucketOf(event: OutgoingEvent): number {
  const hash = keyHash(event);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
