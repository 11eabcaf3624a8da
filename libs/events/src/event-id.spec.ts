import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventIds, type EventSource } from './event-id.js';

interface Place {
  readonly commitLsn: bigint;
  readonly xid: number;
  readonly commitTimestamp: bigint;
  readonly ordinal: number;
}

/** The id by its definition, as a string of 128 bits. */
function slowId(source: EventSource, place: Place): string {
  const publications = source.publications.toSorted().join(',');
  const text = [source.systemIdentifier, source.databaseOid, publications, place.xid, place.commitTimestamp].join('/');
  const digest = createHash('sha256').update(text).digest();
  const hashBits = [...digest].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const free =
    place.commitLsn.toString(2).padStart(64, '0') + place.ordinal.toString(2).padStart(32, '0') + hashBits.slice(0, 26);
  const bits = `${free.slice(0, 48)}1000${free.slice(48, 60)}10${free.slice(60)}`;
  const hex = BigInt(`0b${bits}`).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function fastId(source: EventSource, place: Place): string {
  const out = Buffer.alloc(40, '#');
  const ids = new EventIds(source);
  ids.beginTransaction({ type: 'begin', commitLsn: 0xffffffffffffffffn, xid: 1, commitTimestamp: 1n });
  ids.beginTransaction({ type: 'begin', ...place });
  ids.write(out, 2, place.ordinal);
  expect(out.toString('latin1', 0, 2) + out.toString('latin1', 38)).toBe('####');
  return out.toString('latin1', 2, 38);
}

const anyPlace = fc.record({
  commitLsn: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  xid: fc.integer({ min: 0, max: 0xffffffff }),
  commitTimestamp: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  ordinal: fc.integer({ min: 0, max: 0xffffffff }),
});
const SOURCE: EventSource = { systemIdentifier: '7300000000000000001', databaseOid: 5, publications: ['b', 'a'] };

describe('event id', () => {
  it('is what its definition says, for any place', () => {
    fc.assert(
      fc.property(anyPlace, (place) => {
        expect(fastId(SOURCE, place)).toBe(slowId(SOURCE, place));
      }),
    );
  });

  it('sorts as commit LSN and ordinal do', () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (a, b) => {
        const after = a.commitLsn === b.commitLsn ? a.ordinal > b.ordinal : a.commitLsn > b.commitLsn;
        const same = a.commitLsn === b.commitLsn && a.ordinal === b.ordinal;
        if (!same) expect(fastId(SOURCE, a) > fastId(SOURCE, b)).toBe(after);
      }),
    );
  });

  it('differs when the same place holds another transaction, source or publication', () => {
    const place: Place = { commitLsn: 1n, xid: 1, commitTimestamp: 1n, ordinal: 0 };
    const ids = [
      fastId(SOURCE, place),
      fastId(SOURCE, { ...place, xid: 2 }),
      fastId(SOURCE, { ...place, commitTimestamp: 2n }),
      fastId({ ...SOURCE, databaseOid: 6 }, place),
      fastId({ ...SOURCE, systemIdentifier: '1' }, place),
      fastId({ ...SOURCE, publications: ['a'] }, place),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('does not depend on the order of the publications', () => {
    const place: Place = { commitLsn: 1n, xid: 1, commitTimestamp: 1n, ordinal: 0 };
    expect(fastId(SOURCE, place)).toBe(fastId({ ...SOURCE, publications: ['a', 'b'] }, place));
  });

  it('refuses an ordinal beyond 32 bits', () => {
    const ids = new EventIds(SOURCE);
    expect(() => ids.write(Buffer.alloc(36), 0, 2 ** 32)).toThrow(
      new RangeError('ordinal 4294967296 does not fit an event id'),
    );
    const last: Place = { commitLsn: 1n, xid: 1, commitTimestamp: 1n, ordinal: 2 ** 32 - 1 };
    expect(fastId(SOURCE, last)).toBe(slowId(SOURCE, last));
  });

  it('gives the vectors of docs/event-ids.md', () => {
    const page = readFileSync(new URL('../../../docs/event-ids.md', import.meta.url), 'utf8');
    const rows = page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => [...line.matchAll(/`([^`]*)`/g)].map((match) => match[1]));
    expect(rows.length).toBeGreaterThanOrEqual(5);
    for (const [systemIdentifier, databaseOid, publications, lsn, xid, time, ordinal, id] of rows) {
      const source = { systemIdentifier, databaseOid: Number(databaseOid), publications: publications.split(' ') };
      const [high, low] = lsn.split('/').map((half) => BigInt(`0x${half}`));
      const place = {
        commitLsn: (high << 32n) | low,
        xid: Number(xid),
        commitTimestamp: BigInt(time),
        ordinal: Number(ordinal),
      };
      expect(fastId(source, place)).toBe(id);
      expect(slowId(source, place)).toBe(id);
    }
  });
});
