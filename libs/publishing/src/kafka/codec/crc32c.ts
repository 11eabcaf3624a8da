import { endianness } from 'node:os';

/** The Castagnoli polynomial, bits reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
/** Bytes looked up at once ("slicing by 8"). */
const SLICES = 8;

const [T0, T1, T2, T3, T4, T5, T6, T7] = tables();
/** Words are read as the machine stores them; the tables are made for little-endian ones. */
const WORDS_ARE_LITTLE_ENDIAN = endianness() === 'LE';

/**
 * CRC-32C of bytes start..end (end not included), as an unsigned 32 bit number. Node has none (zlib.crc32 is another
 * polynomial); this one does some 1.6 GB/s, where a byte at a time does 0.4.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  if (WORDS_ARE_LITTLE_ENDIAN && end - start > SLICES) {
    // An Int32Array begins at a multiple of four.
    const aligned = at + (-(bytes.byteOffset + at) & 3);
    crc = byteByByte(crc, bytes, at, aligned);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, ((end - aligned) >>> 3) * 2);
    crc = wordByWord(crc, words);
    at = aligned + words.length * 4;
  }
  return ~byteByByte(crc, bytes, at, end) >>> 0;
}

function byteByByte(initial: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = initial;
  for (let i = start; i < end; i++) crc = T0[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return crc;
}

function wordByWord(initial: number, words: Int32Array): number {
  let crc = initial;
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ words[i];
    const high = words[i + 1];
    crc =
      T7[low & 0xff] ^
      T6[(low >>> 8) & 0xff] ^
      T5[(low >>> 16) & 0xff] ^
      T4[low >>> 24] ^
      T3[high & 0xff] ^
      T2[(high >>> 8) & 0xff] ^
      T1[(high >>> 16) & 0xff] ^
      T0[high >>> 24];
  }
  return crc;
}

function tables(): readonly Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const all = [first];
  while (all.length < SLICES) {
    all.push(all[all.length - 1].map((crc) => (crc >>> 8) ^ first[crc & 0xff]));
  }
  return all;
}
