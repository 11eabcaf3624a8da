import { describe, expect, it } from 'vitest';
import type { DemoEvent } from './event-format.js';
import { Tally } from './tally.js';

const insert = (id: string): DemoEvent => ({
  id,
  schema: 'public',
  table: 'carts',
  action: 'INSERT',
  data: {},
  dataOld: {},
  commitTime: '',
  unchangedToastedValues: [],
});

describe('Tally', () => {
  it('is complete when every expected change has arrived', () => {
    const tally = new Tally();
    tally.expect([{ table: 'carts', action: 'INSERT', count: 2 }]);
    tally.receive(insert('a'));
    expect(tally.complete).toBe(false);
    tally.receive(insert('b'));
    expect(tally.complete).toBe(true);
    expect(tally.faults()).toEqual([]);
  });

  it('names what is missing, what is too much and what came again', () => {
    const tally = new Tally();
    tally.expect([{ table: 'carts', action: 'TRUNCATE', count: 1 }]);
    tally.receive(insert('a'));
    tally.receive(insert('a'));
    expect(tally.faults()).toEqual([
      'event a came again or out of order',
      'TRUNCATE carts: 0 events instead of 1',
      'INSERT carts: 2 events instead of 0',
    ]);
  });
});
