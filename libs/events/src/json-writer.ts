/**
 * JSON string escapes (RFC 8259, section 7) by byte: 0 = the byte as it is, 1 = \u00XX, else the letter after the
 * backslash. Bytes of multi-byte UTF-8 characters are above 0x7f and pass. Nothing is escaped for HTML.
 */
const ESCAPES = new Uint8Array(256);
ESCAPES.fill(1, 0, 0x20);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
] as const) {
  ESCAPES[byte] = letter.charCodeAt(0);
}

const HEX = Buffer.from('0123456789abcdef');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** From this length on a native copy beats a loop. */
const LONG = 48;

/** The most bytes one byte of text can become in a JSON string. */
export const MAX_EXPANSION = 6;

/** Writes bytes from..to of `source`, UTF-8 text, as a JSON string at `at`; returns the offset after it. */
export function writeString(out: Buffer, at: number, source: Buffer, from: number, to: number): number {
  out[at++] = QUOTE;
  for (let index = from; index < to; index += 1) {
    const byte = source[index];
    const escape = ESCAPES[byte];
    if (escape === 0) {
      out[at++] = byte;
    } else {
      out[at++] = BACKSLASH;
      if (escape === 1) at = writeUnicodeEscape(out, at, byte);
      else out[at++] = escape;
    }
  }
  out[at++] = QUOTE;
  return at;
}

/** How many bytes writeString would write. */
export function stringLength(source: Buffer, from: number, to: number): number {
  let length = to - from + 2;
  for (let index = from; index < to; index += 1) {
    const escape = ESCAPES[source[index]];
    if (escape !== 0) length += escape === 1 ? 5 : 1;
  }
  return length;
}

/** Copies all of `source` to `at`; returns the offset after it. */
export function writeBytes(out: Buffer, at: number, source: Buffer): number {
  const { length } = source;
  if (length >= LONG) {
    out.set(source, at);
    return at + length;
  }
  for (let index = 0; index < length; index += 1) out[at++] = source[index];
  return at;
}

/** Copies bytes from..to of `source` to `at`; returns the offset after them. */
export function writeSlice(out: Buffer, at: number, source: Buffer, from: number, to: number): number {
  if (to - from >= 4 * LONG) {
    source.copy(out, at, from, to);
    return at + to - from;
  }
  for (let index = from; index < to; index += 1) out[at++] = source[index];
  return at;
}

/** Writes `value`, 0..2^32-1, as eight hexadecimal digits at `at`. */
export function writeHex32(out: Buffer, at: number, value: number): void {
  out[at] = HEX[value >>> 28];
  out[at + 1] = HEX[(value >>> 24) & 15];
  out[at + 2] = HEX[(value >>> 20) & 15];
  out[at + 3] = HEX[(value >>> 16) & 15];
  out[at + 4] = HEX[(value >>> 12) & 15];
  out[at + 5] = HEX[(value >>> 8) & 15];
  out[at + 6] = HEX[(value >>> 4) & 15];
  out[at + 7] = HEX[value & 15];
}

function writeUnicodeEscape(out: Buffer, at: number, byte: number): number {
  out[at] = 0x75; // 'u'
  out[at + 1] = 0x30;
  out[at + 2] = 0x30;
  out[at + 3] = HEX[byte >>> 4];
  out[at + 4] = HEX[byte & 15];
  return at + 5;
}
