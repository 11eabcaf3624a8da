import { describe, expect, it } from 'vitest';
import { quantile, summarise } from './statistics.js';

describe('summarise', () => {
  it('takes the middle of an odd and the mean of the two middle ones of an even number', () => {
    expect(summarise([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9, runs: 3 });
    expect(summarise([4, 10, 1, 2]).median).toBe(3);
  });

  it('refuses nothing', () => {
    expect(() => summarise([])).toThrow('nothing was measured');
  });
});

describe('quantile', () => {
  it('lies between neighbours by proportion', () => {
    expect(quantile([0, 10, 20, 30], 0.5)).toBe(15);
    expect(quantile([0, 10, 20, 30], 0.99)).toBeCloseTo(29.7);
    expect(quantile([7], 0.99)).toBe(7);
  });
});
