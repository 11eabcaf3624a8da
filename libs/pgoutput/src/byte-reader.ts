import { failAt } from './protocol-error.js';

// A BOM is part of a name like any other character: without ignoreBOM the decoder would drop it.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one message front to back. Every read is checked against the message's end and throws ProtocolError beyond it.
 * Integers are big endian. For schema and control messages; rows have their own faster reading.
 */
export class ByteReader {
  /** Absolute offset of the next byte. */
  position: number;

  /** Bytes start..end of `buffer` are the message; reading begins after its kind byte. */
  constructor(
    private readonly buffer: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {
    this.position = start + 1;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  uint8(what: string): number {
    return this.buffer[this.take(1, what)];
  }

  /** A count of columns: never negative. */
  count16(what: string): number {
    const at = this.take(2, what);
    const value = this.buffer.readInt16BE(at);
    if (value < 0) this.fail(at, `negative ${what} ${value}`);
    return value;
  }

  /** A count or length: never negative. */
  count32(what: string): number {
    const value = this.int32(what);
    if (value < 0) this.fail(this.position - 4, `negative ${what} ${value}`);
    return value;
  }

  int32(what: string): number {
    return this.buffer.readInt32BE(this.take(4, what));
  }

  /** OIDs and transaction ids. */
  uint32(what: string): number {
    return this.buffer.readUInt32BE(this.take(4, what));
  }

  /** LSNs. */
  uint64(what: string): bigint {
    return this.buffer.readBigUInt64BE(this.take(8, what));
  }

  /** Timestamps. */
  int64(what: string): bigint {
    return this.buffer.readBigInt64BE(this.take(8, what));
  }

  /** A byte of flags; bits outside `known` are an error, since they would change what the message means. */
  flags(known: number, what: string): number {
    const value = this.uint8(what);
    if ((value & ~known) !== 0) this.fail(this.position - 1, `unknown ${what} 0x${value.toString(16)}`);
    return value;
  }

  /** A name: UTF-8 up to a zero byte. */
  name(what: string): string {
    const from = this.position;
    let to = from;
    while (to < this.end && this.buffer[to] !== 0) to += 1;
    if (to >= this.end) this.fail(from, `${what} has no end`);
    this.position = to + 1;
    try {
      return strictUtf8.decode(this.buffer.subarray(from, to));
    } catch {
      return this.fail(from, `${what} is not UTF-8`);
    }
  }

  /** A copy of the next `length` bytes. */
  copy(length: number, what: string): Buffer {
    const at = this.take(length, what);
    return Buffer.from(this.buffer.subarray(at, at + length));
  }

  /** Throws unless the message was read to its end: bytes left over mean that it was misread. */
  finish(): void {
    if (this.position !== this.end) this.fail(this.position, `${this.remaining} bytes after the message's end`);
  }

  /** Throws for a fault at the absolute offset `position`. */
  fail(position: number, reason: string): never {
    failAt(this.buffer, this.start, position, reason);
  }

  private take(length: number, what: string): number {
    const at = this.position;
    if (length > this.end - at) this.fail(at, `${what} needs ${length} bytes, ${this.end - at} are left`);
    this.position = at + length;
    return at;
  }
}
