const SMALLEST_BYTES = 64 * 1024;
/** Larger ones are rare, and not worth keeping. */
const LARGEST_BYTES = 2 * 1024 * 1024;

/** Memory for requests, used again: garbage of this size would outgrow everything else between two collections. */
export class RequestBuffers {
  private readonly free: Buffer[] = [];

  constructor(private readonly most: number) {}

  /** A buffer of at least this size, with any content. */
  take(bytes: number): Buffer {
    for (let i = this.free.length - 1; i >= 0; i--) {
      const buffer = this.free[i];
      if (buffer === undefined || buffer.length < bytes) continue;
      this.free.splice(i, 1);
      return buffer;
    }
    let size = SMALLEST_BYTES;
    while (size < bytes && size < LARGEST_BYTES) size *= 2;
    return Buffer.allocUnsafeSlow(Math.max(size, bytes));
  }

  /** Takes a buffer back that nobody reads any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length > LARGEST_BYTES) return;
    // A larger one serves more requests than any that is here.
    if (this.free.length >= this.most) this.free.shift();
    this.free.push(buffer);
  }
}
