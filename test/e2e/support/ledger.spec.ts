import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.js';
import { orderFault } from './order-fault.js';

const HISTORY = ['a', 'b', 'c'];

describe('what came of one key', () => {
  it.each([
    { arrived: 'abc', why: 'nothing repeated' },
    { arrived: 'ababc', why: 'a suffix repeated' },
    { arrived: 'aaabbbccc', why: 'every event repeated' },
    { arrived: 'abcbc', why: 'the newest stands last' },
  ])('is in order: $arrived ($why)', ({ arrived }) => {
    expect(orderFault(HISTORY, arrived.split(''))).toBeUndefined();
  });

  it.each([
    { arrived: 'acb', why: 'overtaken' },
    { arrived: 'acbc', why: 'overtaken and then repeated' },
    { arrived: 'abcb', why: 'an old one stands last' },
    { arrived: 'bc', why: 'the first is missing' },
    { arrived: 'ab', why: 'the last is missing' },
    { arrived: '', why: 'all is missing' },
    { arrived: 'abcd', why: 'more than was committed' },
  ])('is not: $arrived ($why)', ({ arrived }) => {
    expect(orderFault(HISTORY, arrived.split(''))).toBeDefined();
  });
});

describe('a ledger', () => {
  const body = (id: string, row: number, note = '') =>
    JSON.stringify({ id, table: 't', action: 'INSERT', data: { id: row, version: 1, note }, dataOld: {} });

  it('counts repeats, and finds another body or id of the same event', () => {
    const ledger = new Ledger();
    ledger.add(body('1', 1), '', '1');
    ledger.add(body('1', 1), '', '1');
    expect(ledger).toMatchObject({ repeats: 1, faults: [] });
    ledger.add(body('1', 1, 'changed'), '', '1');
    ledger.add(body('2', 2), '', '3');
    expect(ledger.faults).toHaveLength(2);
  });

  it('finds a row that came from two lanes', () => {
    const ledger = new Ledger();
    ledger.add(body('1', 1), 'partition 0');
    ledger.add(body('2', 1), 'partition 1');
    expect(ledger.faults).toEqual(['t/1 came from partition 0 and from partition 1']);
  });
});
