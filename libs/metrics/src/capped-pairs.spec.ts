import { describe, expect, it } from 'vitest';
import { CappedPairs } from './capped-pairs.js';

const rest = { app: 'a', subject: 'other', table: 'other' };

describe('CappedPairs', () => {
  it('counts pairs: the same table under many subjects, and many tables under one subject, are bounded alike', () => {
    const sameTable = (i: number) => [`s${i}`, 't'] as const;
    const sameSubject = (i: number) => ['s', `t${i}`] as const;
    for (const pair of [sameTable, sameSubject]) {
      const pairs = new CappedPairs('a', 2);
      const labels = Array.from({ length: 1000 }, (_, i) => pairs.labels(pair(i)[0], pair(i)[1]));
      const named = [pair(0), pair(1)].map(([subject, table]) => ({ app: 'a', subject, table }));
      expect(labels.slice(0, 2)).toEqual(named);
      expect(new Set(labels).size).toBe(3);
      expect(labels.at(-1)).toEqual(rest);
    }
  });

  it('gives a pair the same labels for ever, also when it is full', () => {
    const pairs = new CappedPairs('a', 1);
    const first = pairs.labels('s', 't');
    expect(pairs.labels('s', 'u')).toEqual(rest);
    expect(pairs.labels('s', 't')).toBe(first);
    expect(pairs.labels('s', 'u')).toEqual(rest);
  });

  it('keeps apart what only looks alike when joined', () => {
    const pairs = new CappedPairs('a', 10);
    expect(pairs.labels('a.b', 'c')).not.toBe(pairs.labels('a', 'b.c'));
  });

  it('remembers nothing of what does not fit', () => {
    const pairs = new CappedPairs('a', 3);
    for (let i = 0; i < 100_000; i++) pairs.labels(`s${i}`, `t${i}`);
    expect((pairs as unknown as { known: Map<string, unknown> }).known.size).toBe(3);
  });
});
