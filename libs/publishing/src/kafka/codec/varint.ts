/*
 * Zigzag varints: https://protobuf.dev/programming-guides/encoding/#signed-ints, for values of 32 bits.
 */

/** Bytes that `value` (a signed 32 bit integer) takes. */
export function sizeOfVarint(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Writes `value` (a signed 32 bit integer) at `offset` and gives the offset after it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = offset;
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  bytes[at] = zigzag;
  return at + 1;
}

/** The bytes of a varint followed by the bytes it is the length of. */
export function lengthPrefixed(bytes: Uint8Array): Buffer {
  const size = sizeOfVarint(bytes.length);
  const out = Buffer.allocUnsafe(size + bytes.length);
  writeVarint(out, 0, bytes.length);
  out.set(bytes, size);
  return out;
}
