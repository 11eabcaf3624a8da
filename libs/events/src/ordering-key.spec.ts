import { relationOf, UNCHANGED } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { bodyOf, EventHarness, keyOf, parsedBody } from './testing/event-harness.js';

const USERS = relationOf([
  ['id', 20, 'key'],
  ['name', 25],
]);
const PAIRS = relationOf([
  ['a', 25, 'key'],
  ['note', 25],
  ['b', 23, 'key'],
]);
const full = (keyColumns: readonly string[]) =>
  new EventHarness(
    relationOf(
      [
        ['a', 25, 'key'],
        ['note', 25, 'key'],
        ['b', 23, 'key'],
      ],
      { replicaIdentity: 'f' },
    ),
    {
      keyColumns,
    },
  );

describe('the ordering key', () => {
  it('of one column lies in the body', () => {
    const event = new EventHarness(USERS).insert(['42', 'A']);
    expect(keyOf(event)).toBe('42');
    expect(event.keySlab).toBe(event.slab);
    expect(event.keyStart).toBeGreaterThan(event.start);
    expect(event.keyEnd).toBeLessThan(event.end);
  });

  it('of a text column is its JSON value', () => {
    const relation = relationOf([['code', 25, 'key']]);
    expect(keyOf(new EventHarness(relation).insert(['a"b']))).toBe('"a\\"b"');
  });

  it('of several columns is a JSON array in the order asked for', () => {
    const event = new EventHarness(PAIRS, { keyColumns: ['b', 'a'] }).insert(['x', 'n', '7']);
    expect(keyOf(event)).toBe('[7,"x"]');
    expect(parsedBody(event).data).toEqual({ a: 'x', note: 'n', b: 7 });
  });

  it("is the table's name when there is no key column", () => {
    const harness = new EventHarness(relationOf([['a', 25]], { table: 'no "key"' }));
    expect(keyOf(harness.insert(['x']))).toBe('no "key"');
  });

  it('of an excluded column is kept out of the body', () => {
    const event = new EventHarness(USERS, { excludedColumn: (name) => name === 'id' }).insert(['42', 'A']);
    expect(keyOf(event)).toBe('42');
    expect(bodyOf(event)).not.toContain('42,');
    expect(bodyOf(event)).toContain('"data":{"name":"A"}');
  });

  it('of an UPDATE is the new one', () => {
    const event = new EventHarness(USERS).update(['2', 'A'], 'key', ['1', null]);
    expect(keyOf(event)).toBe('2');
  });

  it('that an UPDATE did not resend comes from the old row', () => {
    expect(keyOf(full(['a']).update([UNCHANGED, 'n', '2'], 'full', ['old', 'n', '1']))).toBe('"old"');
    expect(keyOf(full(['a', 'b']).update([UNCHANGED, 'n', '2'], 'full', ['old', 'n', '1']))).toBe('["old",2]');
    expect(keyOf(new EventHarness(PAIRS).update([UNCHANGED, 'n', '2'], 'key', ['old', null, '2']))).toBe('["old",2]');
    const single = new EventHarness(
      relationOf([
        ['a', 25, 'key'],
        ['n', 25],
      ]),
    );
    expect(keyOf(single.update([UNCHANGED, 'n'], 'key', ['old', null]))).toBe('"old"');
  });

  it('that nothing holds is null', () => {
    expect(keyOf(new EventHarness(USERS).update([UNCHANGED, 'A']))).toBe('null');
    expect(keyOf(new EventHarness(USERS).insert([null, 'A']))).toBe('null');
    expect(keyOf(new EventHarness(PAIRS).insert([null, 'A', null]))).toBe('[null,null]');
    expect(keyOf(new EventHarness(USERS, { keyColumns: ['name'] }).delete('key', ['1', null]))).toBe('null');
  });

  it('of one event owes nothing to the one before', () => {
    const harness = new EventHarness(USERS);
    harness.insert(['1', 'A']);
    expect(keyOf(harness.update([UNCHANGED, 'A']))).toBe('null');
  });

  it('of a DELETE comes from the old row', () => {
    expect(keyOf(new EventHarness(USERS).delete('key', ['9', null]))).toBe('9');
    expect(keyOf(new EventHarness(PAIRS).delete('key', ['x', null, '3']))).toBe('["x",3]');
    expect(keyOf(full(['note']).delete('full', ['x', 'n', '3']))).toBe('"n"');
  });

  it("of a TRUNCATE is the table's name", () => {
    const event = new EventHarness(USERS).truncate();
    expect(keyOf(event)).toBe('things');
    expect(event.barrier).toBe(true);
  });

  it('is the same before and after for one row, whichever message carries it', () => {
    const harness = full(['a', 'b']);
    const keys = [
      harness.insert(['x', 'n', '1']),
      harness.update(['x', 'm', '1'], 'full', ['x', 'n', '1']),
      harness.update([UNCHANGED, 'm', '1'], 'full', ['x', 'n', '1']),
      harness.delete('full', ['x', 'm', '1']),
    ].map(keyOf);
    expect(new Set(keys)).toEqual(new Set(['["x",1]']));
  });

  it('is not made when nobody needs it', () => {
    const harness = new EventHarness(PAIRS, { needsKeys: false });
    const event = harness.update(['y', 'n', '1'], 'key', ['x', null, '1']);
    expect([event.keyStart, event.keyEnd, event.barrier]).toEqual([0, 0, false]);
    expect(harness.truncate().barrier).toBe(true);
  });

  it('stays as it was after later events', () => {
    const harness = new EventHarness(PAIRS);
    const events = Array.from({ length: 3000 }, (_, index) => harness.insert([`k${index}`, 'n'.repeat(500), '1']));
    events.forEach((event, index) => expect(keyOf(event)).toBe(`["k${index}",1]`));
  });

  it('of a large column has room', () => {
    const text = '\n'.repeat(300_000);
    expect(JSON.parse(keyOf(new EventHarness(PAIRS).insert([text, 'n', '1'])))).toEqual([text, 1]);
  });

  it('is refused when the text of an excluded column is not of its type', () => {
    const harness = new EventHarness(USERS, { excludedColumn: (name) => name === 'id' });
    expect(() => harness.insert(['4x', 'A'])).toThrow('public.things.id: the text is not of type OID 20');
  });

  it('must be of columns of the relation', () => {
    expect(() => new EventHarness(USERS, { keyColumns: ['nope'] })).toThrow(/no column "nope"/);
  });
});

describe('a barrier', () => {
  it.each([
    ['no old row', () => new EventHarness(USERS).update(['2', 'A']), false],
    ['the same key sent', () => new EventHarness(USERS).update(['1', 'A'], 'key', ['1', null]), false],
    ['another key', () => new EventHarness(USERS).update(['2', 'A'], 'key', ['1', null]), true],
    ['a key of another length', () => new EventHarness(USERS).update(['11', 'A'], 'key', ['1', null]), true],
    ['another second column', () => new EventHarness(PAIRS).update(['x', 'n', '2'], 'key', ['x', null, '1']), true],
    ['a full row, the same key', () => full(['a', 'b']).update(['x', 'm', '1'], 'full', ['x', 'n', '1']), false],
    ['a full row, another key', () => full(['a', 'b']).update(['y', 'm', '1'], 'full', ['x', 'n', '1']), true],
    ['a full row, key not resent', () => full(['a']).update([UNCHANGED, 'm', '2'], 'full', ['x', 'n', '1']), false],
    ['a full row, key was null', () => full(['a']).update(['x', 'm', '1'], 'full', [null, 'n', '1']), true],
    ['a full row, key becomes null', () => full(['a']).update([null, 'm', '1'], 'full', ['x', 'n', '1']), true],
    ['a full row, null becomes empty', () => full(['a']).update(['', 'm', '1'], 'full', [null, 'n', '1']), true],
    ['a full row, empty becomes null', () => full(['a']).update([null, 'm', '1'], 'full', ['', 'n', '1']), true],
    ['a full row, old key not there', () => full(['a']).update(['x', 'm', '1'], 'full', [UNCHANGED, 'n', '1']), false],
    ['another last character', () => full(['note']).update(['x', 'abc', '1'], 'full', ['xyz', 'abd', '1']), true],
    [
      'the same after another column',
      () => full(['note']).update(['x', 'abc', '1'], 'full', ['xyz', 'abc', '1']),
      false,
    ],
    ['a full row, key stays null', () => full(['a']).update([null, 'm', '1'], 'full', [null, 'n', '1']), false],
    ["the table's name as key", () => full([]).update(['y', 'm', '1'], 'full', ['x', 'n', '1']), false],
    [
      'a key outside of the identity that was not sent',
      () => new EventHarness(USERS, { keyColumns: ['name'] }).update(['2', 'A'], 'key', ['1', null]),
      false,
    ],
  ] as const)('UPDATE with %s', (_, update, barrier) => {
    expect(update().barrier).toBe(barrier);
  });

  it('is neither INSERT nor DELETE', () => {
    expect(new EventHarness(USERS).insert(['1', 'A']).barrier).toBe(false);
    expect(new EventHarness(USERS).delete('key', ['1', null]).barrier).toBe(false);
  });
});
