import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.js';

const whole = (bytes: Uint8Array) => crc32c(bytes, 0, bytes.length);

describe('crc32c', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 0],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    // RFC 3720, appendix B.4
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['counting up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['counting down', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  ])('of %s', (_name, bytes, expected) => {
    expect(whole(bytes)).toBe(expected);
  });

  it('is the same wherever the bytes lie', () => {
    const bytes = Buffer.from(Array.from({ length: 61 }, (_, i) => (i * 37) & 0xff));
    for (let length = 0; length <= bytes.length; length++) {
      const expected = bitByBit(bytes.subarray(0, length));
      for (let offset = 0; offset < 8; offset++) {
        const moved = Buffer.alloc(offset + length + 3, 0x5a);
        bytes.copy(moved, offset, 0, length);
        expect(crc32c(moved, offset, offset + length)).toBe(expected);
        // Node's buffers begin anywhere in their memory.
        expect(whole(moved.subarray(offset, offset + length))).toBe(expected);
      }
    }
  });

  it('agrees with the definition for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(whole(bytes)).toBe(bitByBit(bytes));
      }),
    );
  });
});

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
