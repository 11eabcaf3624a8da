import { bytes, encodeMessage, int64, name, relationOf, uint64, uint8 } from '#lib/pgoutput/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Relation } from './messages.js';
import { ProtocolError } from './protocol-error.js';
import { DecodeHarness } from './testing/decode-harness.js';

const USERS = relationOf([
  ['id', 20, 'key'],
  ['name', 25],
]);

let harness: DecodeHarness;
beforeEach(() => {
  harness = new DecodeHarness();
});

describe('control messages', () => {
  it('reads Begin with unsigned xid and LSN', () => {
    const begin = {
      type: 'begin',
      commitLsn: 0xfedcba9876543210n,
      commitTimestamp: -5n,
      xid: 0xfffffffe,
    } as const;
    expect(harness.decode(encodeMessage(begin))).toEqual(begin);
  });

  it('reads Commit', () => {
    const commit = { type: 'commit', commitLsn: 1n, endLsn: 1n << 63n, commitTimestamp: 812_345_678_123_456n } as const;
    expect(harness.decode(encodeMessage(commit))).toEqual(commit);
  });

  it('refuses unknown flags of Commit', () => {
    const commit = bytes('C', uint8(1), uint64(1n), uint64(2n), int64(3n));
    expect(harness.failure(commit)).toMatchObject({ position: 1, messageType: 'C' });
  });

  it('reads Origin', () => {
    const origin = { type: 'origin', originLsn: 42n, name: 'north "1"' } as const;
    expect(harness.decode(encodeMessage(origin))).toEqual(origin);
  });

  it('reads a logical message as a copy', () => {
    const message = encodeMessage({
      type: 'message',
      transactional: true,
      lsn: 7n,
      prefix: 'app',
      content: Buffer.of(0, 1, 255),
    });
    const decoded = harness.decode(message);
    expect(decoded).toEqual({
      type: 'message',
      transactional: true,
      lsn: 7n,
      prefix: 'app',
      content: Buffer.of(0, 1, 255),
    });
  });

  it('refuses an empty message', () => {
    expect(() => harness.decoder.decode(Buffer.from('B'), 1, 1)).toThrow(ProtocolError);
  });

  it.each(['Z', '\0', '\xff'])('refuses the unknown kind %j', (kind) => {
    expect(harness.failure(bytes(kind, uint64(0n)))).toMatchObject({
      position: 0,
      message: expect.stringContaining('unknown kind') as string,
    });
  });

  it.each(['S', 'E', 'c', 'A'])('names streaming when kind %s comes', (kind) => {
    expect(harness.failure(bytes(kind, uint64(0n))).message).toContain('streaming of open transactions (protocol 2)');
  });

  it.each(['b', 'P', 'K', 'r', 'p'])('names two-phase commit when kind %s comes', (kind) => {
    expect(harness.failure(bytes(kind, uint64(0n))).message).toContain('two-phase commit (protocol 3)');
  });
});

describe('schema messages', () => {
  it('reads Relation with unsigned OIDs and frozen', () => {
    const relation = relationOf(
      [
        ['id', 4_294_967_295, 'key'],
        ['Quoted_" . Column', 25],
      ],
      { oid: 4_294_967_294, schema: 'テスト', table: '\ufeffcafé', replicaIdentity: 'i' },
    );
    const decoded = harness.decode(encodeMessage({ type: 'relation', relation }));
    expect(decoded).toEqual({ type: 'relation', relation });
    expect(Object.isFrozen((decoded as { relation: Relation }).relation)).toBe(true);
    expect(Object.isFrozen((decoded as { relation: Relation }).relation.columns)).toBe(true);
  });

  it('reads an empty schema as pg_catalog', () => {
    expect(harness.decode(bytes('Y', 'abcd', '\0', name('t')))).toMatchObject({
      type: 'type',
      schema: 'pg_catalog',
      name: 't',
    });
  });

  it('refuses a name that is not UTF-8, at its place', () => {
    const type = bytes('Y', 'abcd', name('public'), Buffer.of(0xc3, 0x28, 0));
    expect(harness.failure(type)).toMatchObject({
      position: 12,
      messageType: 'Y',
      message: expect.stringContaining('UTF-8') as string,
    });
  });

  it('refuses a name without an end even when a zero byte follows the message', () => {
    const type = bytes('Y', 'abcd', name('public'), 'open');
    const chunk = Buffer.concat([type, Buffer.of(0)]);
    expect(() => harness.decoder.decode(chunk, 0, type.length)).toThrow(/has no end/);
  });

  it('refuses an unknown replica identity, column flag and a negative count', () => {
    const head = bytes('R', 'abcd', name('s'), name('t'));
    expect(harness.failure(bytes(head, 'x', '\0\0'))).toMatchObject({ position: 9 });
    expect(harness.failure(bytes(head, 'd', '\xff\xff'))).toMatchObject({ position: 10 });
    expect(harness.failure(bytes(head, 'd', '\0\x01', uint8(2), name('c'), uint64(0n)))).toMatchObject({
      position: 12,
    });
  });

  it('does not learn a relation that has bytes left over', () => {
    const message = encodeMessage({ type: 'relation', relation: USERS });
    expect(harness.failure(bytes(message, 'x'))).toMatchObject({ position: message.length });
    expect(() => harness.decode(bytes('I', 'abcd', 'N', '\0\0'))).toThrow(/unknown relation OID/);
  });

  it('reads Truncate of several relations', () => {
    const orders = relationOf([['id', 23, 'key']], { oid: 2, table: 'orders' });
    harness.learn(USERS);
    harness.learn(orders);
    const truncate = { type: 'truncate', relations: [orders, USERS], cascade: true, restartIdentity: true } as const;
    expect(harness.decode(encodeMessage(truncate))).toEqual(truncate);
    expect(harness.decode(encodeMessage({ ...truncate, cascade: false }))).toMatchObject({
      cascade: false,
      restartIdentity: true,
    });
  });

  it('refuses Truncate of an unknown relation, with unknown options, and with a count that does not fit', () => {
    harness.learn(USERS);
    const truncate = encodeMessage({
      type: 'truncate',
      relations: [USERS, { ...USERS, oid: 9 }],
      cascade: false,
      restartIdentity: false,
    });
    expect(harness.failure(truncate)).toMatchObject({
      position: 10,
      message: expect.stringContaining('unknown relation OID 9') as string,
    });
    truncate[5] = 4;
    expect(harness.failure(truncate)).toMatchObject({ position: 5 });
    expect(harness.failure(bytes('T', '\x7f\xff\xff\xff\0'))).toMatchObject({ position: 6 });
    expect(harness.failure(bytes('T', '\xff\xff\xff\xff\0'))).toMatchObject({ position: 1 });
  });
});
