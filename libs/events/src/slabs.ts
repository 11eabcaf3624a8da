const SLAB_BYTES = 256 * 1024;
/** Reservations beyond this get memory of their own, so that at most a quarter of a slab is ever left unused. */
const OWN_SLAB_BYTES = SLAB_BYTES / 4;

/** Slabs kept for the next rows; more than this many are left to the garbage collector. */
const MAX_FREE = 16;

/** A slab that took its last event, `lastSeq`. */
interface FullSlab {
  readonly slab: Buffer;
  readonly lastSeq: number;
}

/**
 * Hands out room for bytes that will be published. What was committed is not written again before `release` says that
 * every event of the slab is durable and nobody reads it any more; then the slab serves again. Without that, dead slabs
 * would pile up until the next full garbage collection, which V8 begins only tens of megabytes later.
 */
export class Slabs {
  /** The memory of the last reservation; it begins at `start`. */
  slab: Buffer = Buffer.allocUnsafeSlow(0);
  start = 0;
  private limit = 0;
  private shared: Buffer = this.slab;
  private used = 0;
  private lastSeq = 0;
  private readonly full: FullSlab[] = [];
  private readonly free: Buffer[] = [];

  /** Makes `slab` and `start` point at room for `bytes` bytes. An uncommitted earlier reservation is given up. */
  reserve(bytes: number): void {
    if (bytes <= this.shared.length - this.used) {
      this.slab = this.shared;
      this.start = this.used;
    } else if (bytes > OWN_SLAB_BYTES) {
      this.slab = Buffer.allocUnsafeSlow(bytes);
      this.start = 0;
    } else {
      if (this.used > 0) this.full.push({ slab: this.shared, lastSeq: this.lastSeq });
      this.shared = this.free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
      this.slab = this.shared;
      this.start = 0;
    }
    this.limit = this.start + bytes;
  }

  /**
   * Keeps the bytes from `start` to `end` for the event `seq`.
   * @throws RangeError when more was written than reserved: at a slab's end such bytes would be dropped in silence
   */
  commit(end: number, seq: number): void {
    if (end > this.limit) throw new RangeError(`wrote ${end - this.limit} bytes past the reserved room`);
    if (this.slab !== this.shared) return;
    this.used = end;
    this.lastSeq = seq;
  }

  /** Nobody reads the bytes of events before `seq` any more. */
  release(seq: number): void {
    while (this.full.length > 0 && this.full[0].lastSeq < seq) {
      const done = this.full.shift();
      if (done !== undefined && this.free.length < MAX_FREE) this.free.push(done.slab);
    }
  }
}
