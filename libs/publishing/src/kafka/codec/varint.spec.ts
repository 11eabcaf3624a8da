import { describe, expect, it } from 'vitest';
import { lengthPrefixed, sizeOfVarint, writeVarint } from './varint.js';

const encode = (value: number) => {
  const bytes = Buffer.alloc(8, 0xee);
  const end = writeVarint(bytes, 1, value);
  expect([bytes[0], bytes[end]]).toEqual([0xee, 0xee]);
  return bytes.toString('hex', 1, end);
};

describe('a varint', () => {
  it.each([
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [63, '7e'],
    [-64, '7f'],
    [64, '8001'],
    [8191, 'fe7f'],
    [-8192, 'ff7f'],
    [8192, '808001'],
    [1_048_575, 'feff7f'],
    [1_048_576, '80808001'],
    [134_217_727, 'feffff7f'],
    [134_217_728, '8080808001'],
    [2_147_483_647, 'feffffff0f'],
    [-2_147_483_648, 'ffffffff0f'],
  ])('of %i is %s, and as long as was said', (value, expected) => {
    expect(encode(value)).toBe(expected);
    expect(sizeOfVarint(value)).toBe(expected.length / 2);
  });

  it('precedes bytes', () => {
    expect(lengthPrefixed(Buffer.alloc(64, 0xaa)).toString('hex')).toBe(`8001${'aa'.repeat(64)}`);
  });
});
