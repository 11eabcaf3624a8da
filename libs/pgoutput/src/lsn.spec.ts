import { describe, expect, it } from 'vitest';
import { formatLsn, parseLsn } from './lsn.js';

describe('LSN text', () => {
  it.each([
    [0n, '0/0'],
    [0x16b374d848n, '16/B374D848'],
    [0xffffffffffffffffn, 'FFFFFFFF/FFFFFFFF'],
    [0x100000000n, '1/0'],
  ])('%s is %s', (lsn, text) => {
    expect(formatLsn(lsn)).toBe(text);
    expect(parseLsn(text)).toBe(lsn);
  });

  it.each(['', '1', '1/', '/1', '1/123456789', 'g/1', ' 1/1', '1/1\n'])('refuses %j', (text) => {
    expect(() => parseLsn(text)).toThrow(RangeError);
  });
});
