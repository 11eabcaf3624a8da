import { describe, expect, it } from 'vitest';
import { editDistance, nearestPath } from './nearest-key.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['slotnam', 'slotname', 1],
    ['kitten', 'sitting', 3],
  ])('of %j and %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearestPath', () => {
  const known = ['listener.slotName', 'publisher.topic', 'publisher.topicPrefix', 'publisher.nats.chain'];

  it.each([
    ['listener.slotnam', 'listener.slotName'],
    ['slot_name', 'listener.slotName'],
    ['publisher.chain', 'publisher.nats.chain'],
    ['publisher.topik', 'publisher.topic'],
    ['publisher.somethingElse', undefined],
    ['x'.repeat(100_000), undefined],
  ])('of %.30s is %s', (unknown, nearest) => {
    expect(nearestPath(unknown, known)).toBe(nearest);
  });
});
