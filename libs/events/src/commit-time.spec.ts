import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitTimeMs, CommitTimeFormatter } from './commit-time.js';

const EPOCH_MS = Date.UTC(2000, 0, 1);
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const toTimestamp = (ms: number, micros: number) => BigInt(ms - EPOCH_MS) * 1000n + BigInt(micros);

describe('commit time', () => {
  it.each([
    ['2026-03-04 05:06:07.89', 825_915_967_890_000n, '2026-03-04T05:06:07.89Z'],
    ['the epoch of PostgreSQL', 0n, '2000-01-01T00:00:00Z'],
    ['one microsecond before it', -1n, '1999-12-31T23:59:59.999999Z'],
    ['one microsecond after it', 1n, '2000-01-01T00:00:00.000001Z'],
    ['before 1970', toTimestamp(Date.UTC(1936, 9, 25, 22, 10, 12, 608), 0), '1936-10-25T22:10:12.608Z'],
    ['a leap day', toTimestamp(Date.UTC(2024, 1, 29), 100_000), '2024-02-29T00:00:00.1Z'],
    ['no leap day in 2100', toTimestamp(Date.UTC(2100, 1, 28) + 86_400_000, 0), '2100-03-01T00:00:00Z'],
    ['the last that RFC 3339 can say', toTimestamp(LAST_MS, 999), '9999-12-31T23:59:59.999999Z'],
    ['year 10000', toTimestamp(LAST_MS + 1, 0), '10000-01-01 00:00:00+00'],
    ['the last timestamp of PostgreSQL', 9_223_371_331_199_999_999n, '294276-12-31 23:59:59.999999+00'],
    ['the first timestamp of PostgreSQL', -211_813_488_000_000_000n, '4714-11-24 00:00:00+00 BC'],
    ['the first that RFC 3339 can say', toTimestamp(FIRST_MS, 0), '0001-01-01T00:00:00Z'],
    ['1 BC', toTimestamp(FIRST_MS, -1), '0001-12-31 23:59:59.999999+00 BC'],
  ])('%s', (_, timestamp, text) => {
    expect(new CommitTimeFormatter().format(timestamp)).toBe(text);
  });

  it('agrees with Date for any time of the years 1 to 9999, whatever came before', () => {
    const formatter = new CommitTimeFormatter();
    fc.assert(
      fc.property(fc.integer({ min: FIRST_MS, max: LAST_MS }), fc.integer({ min: 0, max: 999 }), (ms, micros) => {
        const expected = `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}`;
        const text = formatter.format(toTimestamp(ms, micros));
        expect(text).toBe(`${expected.replace(/\.?0+$/, '')}Z`);
        expect(commitTimeMs(toTimestamp(ms, micros))).toBe(ms);
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with Date on every day of four hundred years and some', () => {
    const formatter = new CommitTimeFormatter();
    const wrong: string[] = [];
    const last = Date.UTC(2401, 2, 2);
    for (let ms = Date.UTC(1999, 11, 30); ms < last; ms += 86_400_000) {
      const expected = new Date(ms).toISOString().replace('.000', '');
      if (formatter.format(toTimestamp(ms, 0)) !== expected) wrong.push(expected);
    }
    expect(wrong).toEqual([]);
  });

  it('follows the fraction within one second', () => {
    const formatter = new CommitTimeFormatter();
    expect([0n, 120_000n, 123_456n, 0n, 1_000_000n].map((micros) => formatter.format(micros))).toEqual([
      '2000-01-01T00:00:00Z',
      '2000-01-01T00:00:00.12Z',
      '2000-01-01T00:00:00.123456Z',
      '2000-01-01T00:00:00Z',
      '2000-01-01T00:00:01Z',
    ]);
  });
});
