import fc from 'fast-check';
import { encodeMessage, tupleOf, UNCHANGED } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { Decoder } from './decoder.js';
import type { Message, Relation, Tuple } from './messages.js';
import { ProtocolError } from './protocol-error.js';

// PostgreSQL sends an empty name for it, never the name itself.
const anyName = fc
  .string({ unit: 'binary' })
  .map((text) => text.replaceAll('\0', ''))
  .filter((text) => text !== 'pg_catalog');
const anyOid = fc.integer({ min: 0, max: 0xffffffff });
const anyRelation: fc.Arbitrary<Relation> = fc.record({
  oid: anyOid,
  schema: anyName.map((text) => (text === '' ? 'pg_catalog' : text)),
  table: anyName,
  replicaIdentity: fc.constantFrom('d', 'n', 'f', 'i'),
  columns: fc.array(fc.record({ name: anyName, typeOid: anyOid, typeModifier: fc.integer(), isKey: fc.boolean() }), {
    maxLength: 12,
  }),
});

function anyTuple(width: number): fc.Arbitrary<Tuple> {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((text) => Buffer.from(text)),
    fc.constant(null),
    fc.constant(UNCHANGED),
  );
  return fc.array(value, { minLength: width, maxLength: width }).map(tupleOf);
}

const anyLsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const anyTime = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });

/** Any message, and the relation it needs. */
const anyMessage: fc.Arbitrary<{ relation: Relation; message: Message }> = anyRelation.chain((relation) => {
  const tuple = anyTuple(relation.columns.length);
  const message: fc.Arbitrary<Message> = fc.oneof(
    fc.record({ type: fc.constant('begin' as const), commitLsn: anyLsn, commitTimestamp: anyTime, xid: anyOid }),
    fc.record({ type: fc.constant('commit' as const), commitLsn: anyLsn, endLsn: anyLsn, commitTimestamp: anyTime }),
    fc.record({ type: fc.constant('origin' as const), originLsn: anyLsn, name: anyName }),
    fc.record({ type: fc.constant('relation' as const), relation: fc.constant(relation) }),
    fc.record({ type: fc.constant('type' as const), oid: anyOid, schema: fc.constant('public'), name: anyName }),
    fc.record({ type: fc.constant('insert' as const), relation: fc.constant(relation), newTuple: tuple }),
    fc.record({
      type: fc.constant('update' as const),
      relation: fc.constant(relation),
      oldKind: fc.constantFrom('none' as const, 'key' as const, 'full' as const),
      oldTuple: tuple,
      newTuple: tuple,
    }),
    fc.record({
      type: fc.constant('delete' as const),
      relation: fc.constant(relation),
      oldKind: fc.constantFrom('key' as const, 'full' as const),
      oldTuple: tuple,
    }),
    fc.record({
      type: fc.constant('truncate' as const),
      relations: fc.array(fc.constant(relation), { maxLength: 3 }),
      cascade: fc.boolean(),
      restartIdentity: fc.boolean(),
    }),
    fc.record({
      type: fc.constant('message' as const),
      transactional: fc.boolean(),
      lsn: anyLsn,
      prefix: anyName,
      content: fc.uint8Array({ maxLength: 50 }).map((content) => Buffer.from(content)),
    }),
  );
  return message.map((chosen) => ({ relation, message: chosen }));
});

/** Decodes bytes after the relation is known; undefined when they are refused. */
function decodeAfter(relation: Relation, message: Buffer): Message | undefined {
  const decoder = new Decoder();
  const known = encodeMessage({ type: 'relation', relation });
  decoder.decode(known, 0, known.length);
  try {
    return decoder.decode(message, 0, message.length);
  } catch (error) {
    if (error instanceof ProtocolError) {
      expect(error.position).toBeGreaterThanOrEqual(0);
      expect(error.position).toBeLessThanOrEqual(message.length);
      return undefined;
    }
    throw error;
  }
}

describe('any message', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyMessage, ({ relation, message }) => {
        const encoded = encodeMessage(message);
        const decoded = decodeAfter(relation, encoded);
        expect(decoded?.type).toBe(message.type);
        if (decoded !== undefined) expect(encodeMessage(decoded).equals(encoded)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('cut anywhere is refused or means exactly the bytes left', () => {
    fc.assert(
      fc.property(anyMessage, ({ relation, message }) => {
        const encoded = encodeMessage(message);
        for (let length = 0; length < encoded.length; length += 1) {
          const cut = encoded.subarray(0, length);
          const decoded = decodeAfter(relation, cut);
          if (decoded !== undefined) expect(encodeMessage(decoded).equals(cut)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('with one bit flipped is refused or means exactly the flipped bytes', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), ({ relation, message }, seed) => {
        const encoded = encodeMessage(message);
        const bit = seed % (encoded.length * 8);
        encoded[bit >>> 3] ^= 1 << (bit & 7);
        const decoded = decodeAfter(relation, encoded);
        if (decoded !== undefined) expect(encodeMessage(decoded).equals(encoded)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
