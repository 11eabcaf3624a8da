/** Memory of a batch before it grows. */
const INITIAL_BYTES = 16 * 1024;
/** More than this is not kept for later batches. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Memory for batches, used over and over: fresh memory of a megabyte costs a page fault for every 4 KB.
 * Shared by the writers of all partitions.
 */
export class BatchMemory {
  private readonly free: Buffer[] = [];
  /** What is lent out: anything else, and what was given back already, is not taken back. */
  private readonly lent = new WeakSet<ArrayBufferLike>();
  private keptBytes = 0;

  /** @param atLeast bytes that must fit */
  take(atLeast = INITIAL_BYTES): Buffer {
    const kept = this.free.pop();
    if (kept !== undefined) this.keptBytes -= kept.length;
    const memory = kept !== undefined && kept.length >= atLeast ? kept : Buffer.allocUnsafeSlow(roundUp(atLeast));
    this.lent.add(memory.buffer);
    return memory;
  }

  /** More memory with the first `used` bytes of `old`, which goes back. */
  grow(old: Buffer, used: number, atLeast: number): Buffer {
    const larger = this.take(Math.max(atLeast, old.length * 2));
    old.copy(larger, 0, 0, used);
    this.giveBack(old);
    return larger;
  }

  /** Takes back what `take` gave, or a part of it. Nobody may use any of it any more. */
  giveBack(memory: Buffer): void {
    const { buffer } = memory;
    if (!this.lent.delete(buffer) || this.keptBytes + buffer.byteLength > MAX_KEPT_BYTES) return;
    this.keptBytes += buffer.byteLength;
    this.free.push(Buffer.from(buffer));
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(Math.max(bytes, INITIAL_BYTES) / 4096) * 4096;
}
