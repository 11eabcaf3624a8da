import { AppError } from '#lib/kernel';

/** Where the reader hands what it found; both are called in the order of the bytes. */
export interface FrameHandler {
  /** One CopyData: its payload is bytes start..end of `buffer`, valid only during the call. */
  copyData(buffer: Buffer, start: number, end: number): void;
  /** Any other whole message, type byte and length included; valid only during the call. */
  other(message: Buffer): void;
}

const COPY_DATA = 0x64; // 'd'
const HEADER_BYTES = 5;
/** PostgreSQL allocates no message beyond 1 GB; a larger length means that the stream is out of step. */
const MAX_MESSAGE_BYTES = 0x40000000;
/** Partial messages up to this size share one buffer; larger ones get a buffer of their own, dropped afterwards. */
const SHARED_BYTES = 64 * 1024;
/**
 * A length is only a claim until its bytes have come: the buffer of a larger message begins with so much and grows with
 * what arrives, so that a wrong length takes no memory.
 */
const FIRST_OWN_BYTES = 256 * 1024;
/** The copies that growing costs add up to between a third and four thirds of the message. */
const GROWTH = 4;
const NOTHING = Buffer.alloc(0);

/** Size of the message whose header starts at `at`. @throws AppError PROTOCOL when that cannot be a header */
function messageBytes(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32BE(at + 1);
  if (length < 4 || length > MAX_MESSAGE_BYTES) {
    const type = buffer.readUInt8(at).toString(16);
    throw new AppError('PROTOCOL', `message of type 0x${type} with impossible length ${length}`);
  }
  return length + 1;
}

/**
 * Cuts PostgreSQL's byte stream into messages: a type byte, a length that counts itself, the content.
 * Format: https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
 *
 * Pure: bytes in, calls out. `hold()` stops it after the current message; the bytes after that are copied and kept, in
 * order, until `release()`.
 */
export class FrameReader {
  /** Messages handed out so far. */
  frames = 0;

  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerFilled = 0;
  /** The message being assembled, of partialTotal bytes; 0 = none. */
  private partial: Buffer = NOTHING;
  private partialFilled = 0;
  private partialTotal = 0;
  private shared: Buffer = NOTHING;

  private isHeld = false;
  private isDiscarding = false;
  private isWalking = false;
  private readonly kept: Buffer[] = [];

  constructor(private readonly handler: FrameHandler) {}

  get held(): boolean {
    return this.isHeld;
  }

  /** Stops after the current message; may be called from within a handler. */
  hold(): void {
    if (!this.isDiscarding) this.isHeld = true;
  }

  /** Goes on with what was kept until that is done or held again. Not to be called from within a handler. */
  release(): void {
    this.isHeld = false;
    while (!this.isHeld) {
      const next = this.kept.shift();
      if (next === undefined) return;
      const reached = this.walk(next, next.length);
      if (reached < next.length) this.kept.unshift(next.subarray(reached));
    }
  }

  /** From here on CopyData is dropped unseen and nothing can be held; other messages still come. */
  discard(): void {
    this.isDiscarding = true;
    this.isHeld = false;
    // Within a handler the walk that is under way drops the rest by itself.
    if (!this.isWalking) this.release();
  }

  /** Takes bytes 0..length of `buffer`, which the caller may overwrite afterwards. @throws AppError PROTOCOL when out of step */
  push(buffer: Buffer, length: number = buffer.length): void {
    const reached = this.isHeld ? 0 : this.walk(buffer, length);
    // A copy, because the caller's buffer is the socket's and overwritten by the next read.
    if (reached < length) this.kept.push(Buffer.from(buffer.subarray(reached, length)));
  }

  /** Hands out whole messages and starts on a partial one; returns how far it came, less than `end` only when held. */
  private walk(buffer: Buffer, end: number): number {
    this.isWalking = true;
    try {
      let at = this.headerFilled > 0 || this.partialTotal > 0 ? this.finishPartial(buffer, end) : 0;
      while (!this.isHeld && at + HEADER_BYTES <= end) {
        const next = at + messageBytes(buffer, at);
        if (next > end) break;
        this.dispatch(buffer, at, next);
        at = next;
      }
      if (this.isHeld || at === end) return at;
      this.startPartial(buffer, at, end);
      return end;
    } finally {
      this.isWalking = false;
    }
  }

  private dispatch(buffer: Buffer, at: number, end: number): void {
    this.frames += 1;
    if (buffer[at] !== COPY_DATA) this.handler.other(buffer.subarray(at, end));
    else if (!this.isDiscarding) this.handler.copyData(buffer, at + HEADER_BYTES, end);
  }

  private startPartial(buffer: Buffer, at: number, end: number): void {
    if (end - at < HEADER_BYTES) {
      this.headerFilled = buffer.copy(this.header, 0, at, end);
      return;
    }
    this.allocatePartial(messageBytes(buffer, at));
    this.growPartial(end - at);
    this.partialFilled = buffer.copy(this.partial, 0, at, end);
  }

  /** Adds to the message begun by earlier bytes and hands it out once whole; returns how many bytes it took. */
  private finishPartial(buffer: Buffer, end: number): number {
    let at = 0;
    if (this.partialTotal === 0) {
      at = buffer.copy(this.header, this.headerFilled, 0, Math.min(HEADER_BYTES - this.headerFilled, end));
      this.headerFilled += at;
      if (this.headerFilled < HEADER_BYTES) return at;
      this.headerFilled = 0;
      this.allocatePartial(messageBytes(this.header, 0));
      this.partialFilled = this.header.copy(this.partial);
    }
    const last = Math.min(end, at + this.partialTotal - this.partialFilled);
    this.growPartial(this.partialFilled + last - at);
    const taken = buffer.copy(this.partial, this.partialFilled, at, last);
    this.partialFilled += taken;
    if (this.partialFilled === this.partialTotal) {
      const message = this.partial;
      const total = this.partialTotal;
      this.partial = NOTHING;
      this.partialTotal = 0;
      this.dispatch(message, 0, total);
    }
    return at + taken;
  }

  private allocatePartial(total: number): void {
    this.partialTotal = total;
    if (total > SHARED_BYTES) {
      this.partial = Buffer.allocUnsafeSlow(Math.min(total, FIRST_OWN_BYTES));
      return;
    }
    if (this.shared.length === 0) this.shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
    this.partial = this.shared;
  }

  /** Makes room for `bytes` bytes of the message that is being assembled. */
  private growPartial(bytes: number): void {
    if (bytes <= this.partial.length) return;
    const size = Math.min(this.partialTotal, Math.max(bytes, this.partial.length * GROWTH));
    const larger = Buffer.allocUnsafeSlow(size);
    this.partial.copy(larger, 0, 0, this.partialFilled);
    this.partial = larger;
  }
}
