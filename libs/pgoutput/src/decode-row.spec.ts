import { bytes, encodeMessage, relationOf, tupleOf, UNCHANGED } from '#lib/pgoutput/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Decoder } from './decoder.js';
import { DecodeHarness, valuesOf } from './testing/decode-harness.js';

const USERS = relationOf([
  ['id', 20, 'key'],
  ['name', 25],
]);

let harness: DecodeHarness;
beforeEach(() => {
  harness = new DecodeHarness();
});

describe('row messages', () => {
  it('reads Insert', () => {
    harness.learn(USERS);
    const decoded = harness.decode(encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'Ann']) }));
    if (decoded.type !== 'insert') throw new Error(decoded.type);
    expect(decoded.relation).toEqual(USERS);
    expect(valuesOf(decoded.newTuple)).toEqual(['1', 'Ann']);
  });

  it.each(['none', 'key', 'full'] as const)('reads Update with old row: %s', (oldKind) => {
    harness.learn(USERS);
    const update = {
      type: 'update',
      relation: USERS,
      oldKind,
      oldTuple: tupleOf(['1', null]),
      newTuple: tupleOf(['2', UNCHANGED]),
    } as const;
    const decoded = harness.decode(encodeMessage(update));
    if (decoded.type !== 'update') throw new Error(decoded.type);
    expect(decoded.oldKind).toBe(oldKind);
    expect(valuesOf(decoded.newTuple)).toEqual(['2', UNCHANGED]);
    expect(valuesOf(decoded.oldTuple)).toEqual(oldKind === 'none' ? [] : ['1', null]);
  });

  it('forgets the old row of the Update before', () => {
    harness.learn(USERS);
    const update = {
      type: 'update',
      relation: USERS,
      oldTuple: tupleOf(['1', 'A']),
      newTuple: tupleOf(['2', 'B']),
    } as const;
    harness.decode(encodeMessage({ ...update, oldKind: 'full' }));
    const decoded = harness.decode(encodeMessage({ ...update, oldKind: 'none' }));
    expect(decoded).toMatchObject({ oldKind: 'none', oldTuple: { count: 0 } });
  });

  it('gives a column without text an empty one, whatever the row before held', () => {
    harness.learn(USERS);
    harness.decode(encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'Ann']) }));
    const newTuple = tupleOf([null, UNCHANGED]);
    const decoded = harness.decode(encodeMessage({ type: 'insert', relation: USERS, newTuple }));
    if (decoded.type !== 'insert') throw new Error(decoded.type);
    const { starts, ends } = decoded.newTuple;
    expect([ends[0] - starts[0], ends[1] - starts[1]]).toEqual([0, 0]);
  });

  it.each(['key', 'full'] as const)('reads Delete with old row: %s', (oldKind) => {
    harness.learn(USERS);
    const decoded = harness.decode(
      encodeMessage({ type: 'delete', relation: USERS, oldKind, oldTuple: tupleOf(['1', '']) }),
    );
    if (decoded.type !== 'delete') throw new Error(decoded.type);
    expect(decoded.oldKind).toBe(oldKind);
    expect(valuesOf(decoded.oldTuple)).toEqual(['1', '']);
  });

  it('uses the newest relation of an OID', () => {
    harness.learn(USERS);
    harness.decode(encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'Ann']) }));
    const wider = relationOf([...USERS.columns.map(({ name: column }) => [column, 25] as const), ['age', 23]]);
    harness.learn(wider);
    const insert = encodeMessage({ type: 'insert', relation: wider, newTuple: tupleOf(['1', 'Ann', '7']) });
    expect(harness.decode(insert)).toMatchObject({ relation: wider, newTuple: { count: 3 } });
    expect(
      harness.failure(encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'Ann']) })).message,
    ).toContain('tuple has 2 columns, its relation 3');
  });

  it('keeps the relations of two decoders apart', () => {
    harness.learn(USERS);
    const insert = encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'Ann']) });
    expect(() => new Decoder().decode(insert, 0, insert.length)).toThrow(/unknown relation OID 16384/);
  });

  it('tells rows of several tables apart', () => {
    const orders = relationOf([['id', 23]], { oid: 4_000_000_000, table: 'orders' });
    harness.learn(USERS);
    harness.learn(orders);
    for (const relation of [USERS, orders, orders, USERS]) {
      const newTuple = tupleOf(relation.columns.map(() => 'x'));
      expect(harness.decode(encodeMessage({ type: 'insert', relation, newTuple }))).toMatchObject({ relation });
    }
  });

  it.each([
    ['0', '\0\0\0\0'],
    ['1', '\0\0\0\x01'],
    ['4294967295', '\xff\xff\xff\xff'],
  ])('does not take relation OID %s for one it knows', (text, oid) => {
    expect(() => harness.decode(bytes('I', oid, 'N', '\0\0'))).toThrow(`unknown relation OID ${text}`);
  });

  it('handles 1,600 columns after narrow relations', () => {
    harness.learn(USERS);
    const columns = Array.from({ length: 1600 }, (_, index) => [`c${index}`, 25] as const);
    const wide = relationOf(columns, { oid: 5, table: 'wide' });
    harness.learn(wide);
    const values = columns.map(([column], index) => (index % 3 === 0 ? null : column));
    const update = {
      type: 'update',
      relation: wide,
      oldKind: 'full',
      oldTuple: tupleOf(values),
      newTuple: tupleOf(values),
    } as const;
    const decoded = harness.decode(encodeMessage(update));
    if (decoded.type !== 'update') throw new Error(decoded.type);
    expect(valuesOf(decoded.newTuple)).toEqual(values);
    expect(valuesOf(decoded.oldTuple)).toEqual(values);
  });

  it.each([
    ['a huge length', 't\x7f\xff\xff\xff', 'claims 2147483647 bytes'],
    ['a negative length', 't\xff\xff\xff\xff', 'claims -1 bytes'],
    ['a length that is cut off', 't\0\0\0', 'length of column 0 is cut off'],
    ['a binary value', 'b\0\0\0\0', 'is binary'],
    ['an unknown kind', 'x', 'unknown kind'],
  ])('refuses %s', (_, column, reason) => {
    harness.learn(relationOf([['a', 25]]));
    const error = harness.failure(bytes('I', '\0\0\x40\0', 'N', '\0\x01', column));
    expect(error.message).toContain(reason);
    expect(error.position).toBeGreaterThanOrEqual(8);
  });

  it('refuses a row without a new or old tuple, at its place', () => {
    harness.learn(USERS);
    const oid = '\0\0\x40\0';
    expect(harness.failure(bytes('I', oid))).toMatchObject({ position: 5, messageType: 'I' });
    expect(harness.failure(bytes('I', oid, 'K'))).toMatchObject({ position: 5 });
    expect(harness.failure(bytes('U', oid))).toMatchObject({ position: 5, messageType: 'U' });
    expect(harness.failure(bytes('U', oid, 'K', '\0\x02', 'nn'))).toMatchObject({ position: 10 });
    expect(harness.failure(bytes('D', oid))).toMatchObject({ position: 5, messageType: 'D' });
    expect(harness.failure(bytes('D', oid, 'N', '\0\x02', 'nn'))).toMatchObject({ position: 5 });
    expect(harness.failure(bytes('I', '\0\0'))).toMatchObject({ position: 1 });
  });

  it('never puts a value into an error', () => {
    harness.learn(USERS);
    const insert = encodeMessage({ type: 'insert', relation: USERS, newTuple: tupleOf(['1', 'top-secret']) });
    expect(harness.failure(bytes(insert, 'x')).message).not.toContain('secret');
  });
});
