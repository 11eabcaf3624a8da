import { describe, expect, it } from 'vitest';
import { EventMaker } from '../testing/outgoing-events.js';
import { orderingBucket } from './ordering-bucket.js';

describe('the bucket of an ordering key', () => {
  const maker = new EventMaker('app');
  const bucketOf = (key: string, buckets = 256) => orderingBucket(maker.next({ key }), buckets);

  it('never changes: a release that moves a key would reorder its events', () => {
    expect(['', '1', '42', '"abc"', '[1,"x"]', 'users', 'ключ'].map((key) => bucketOf(key))).toEqual([
      11, 143, 189, 124, 103, 134, 98,
    ]);
  });

  it('spreads consecutive numbers evenly', () => {
    for (const buckets of [4, 100, 256]) {
      const counts = Array.from({ length: buckets }, () => 0);
      for (let i = 0; i < buckets * 100; i++) {
        const bucket = bucketOf(String(i), buckets);
        counts[bucket] = (counts[bucket] ?? 0) + 1;
      }
      expect(Math.min(...counts)).toBeGreaterThan(50);
      expect(Math.max(...counts)).toBeLessThan(160);
    }
  });
});
