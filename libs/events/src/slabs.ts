const SLAB_BYTES = 256 * 1024;
/** Reservations beyond this get memory of their own, so that at most a quarter of a slab is ever left unused. */
const OWN_SLAB_BYTES = SLAB_BYTES / 4;

/**
 * Hands out room for bytes that will be published. What was committed is never written again, so a view of it stays
 * valid for as long as someone holds it; a slab is freed when the last view is gone.
 */
export class Slabs {
  /** The memory of the last reservation; it begins at `start`. */
  slab: Buffer = Buffer.allocUnsafeSlow(0);
  start = 0;
  private limit = 0;
  private shared: Buffer = this.slab;
  private used = 0;

  /** Makes `slab` and `start` point at room for `bytes` bytes. An uncommitted earlier reservation is given up. */
  reserve(bytes: number): void {
    if (bytes <= this.shared.length - this.used) {
      this.slab = this.shared;
      this.start = this.used;
    } else if (bytes > OWN_SLAB_BYTES) {
      this.slab = Buffer.allocUnsafeSlow(bytes);
      this.start = 0;
    } else {
      this.shared = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
      this.slab = this.shared;
      this.start = 0;
    }
    this.limit = this.start + bytes;
  }

  /**
   * Keeps the bytes from `start` to `end` for good.
   * @throws RangeError when more was written than reserved: at a slab's end such bytes would be dropped in silence
   */
  commit(end: number): void {
    if (end > this.limit) throw new RangeError(`wrote ${end - this.limit} bytes past the reserved room`);
    if (this.slab === this.shared) this.used = end;
  }
}
