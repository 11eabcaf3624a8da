import { describe, expect, it } from 'vitest';

import { markedSlots, withMark, withoutMark } from './mark.js';

describe('the mark in a comment', () => {
  it('is found among other text and other marks', () => {
    expect(markedSlots(null)).toEqual([]);
    expect(markedSlots('for the shop')).toEqual([]);
    expect(markedSlots('for the shop wal-listener slot=a')).toEqual(['a']);
    expect(markedSlots('wal-listener slot=a wal-listener slot=b_2\nmore')).toEqual(['a', 'b_2']);
  });

  it('is no part of a longer word', () => {
    expect(markedSlots('xwal-listener slot=a')).toEqual([]);
    expect(markedSlots('wal-listener slot=a-b')).toEqual([]);
  });

  it('is appended once', () => {
    expect(withMark(null, 'a')).toBe('wal-listener slot=a');
    const both = withMark('for the shop', 'a');
    expect(both).toBe('for the shop wal-listener slot=a');
    expect(withMark(both, 'a')).toBe(both);
    expect(markedSlots(withMark(both, 'ab'))).toEqual(['a', 'ab']);
  });

  it('goes without taking anything else along', () => {
    const comment = withMark(withMark('for the shop', 'a'), 'b');
    expect(withoutMark(comment, 'a')).toBe('for the shop wal-listener slot=b');
    expect(withoutMark('wal-listener slot=a', 'a')).toBe('');
    expect(withoutMark(null, 'a')).toBe('');
  });
});
