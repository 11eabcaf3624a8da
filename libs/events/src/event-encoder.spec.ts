import { AppError } from '#lib/kernel';
import { relationOf, UNCHANGED } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { eventId } from './change-event.js';
import { EventEncoder } from './event-encoder.js';
import { BEGIN, bodyOf, EventHarness, parsedBody, SOURCE } from './testing/event-harness.js';

const USERS = relationOf([
  ['id', 20, 'key'],
  ['name', 25],
  ['extra', 3802],
]);
const FULL_USERS = relationOf(
  [
    ['id', 20, 'key'],
    ['name', 25, 'key'],
    ['extra', 3802, 'key'],
  ],
  { replicaIdentity: 'f' },
);
const ID = '00000016-b374-8d84-a000-000003173490';
const AFTER = '"commitTime":"2026-03-04T05:06:07.89Z","unchangedToastedValues":';

describe('the body', () => {
  it('of an INSERT has all fields in order', () => {
    const event = new EventHarness(USERS).insert(['1', 'Ann "A"\n', '{"n": 1.00}']);
    expect(bodyOf(event)).toBe(
      `{"id":"${ID}","schema":"public","table":"things","action":"INSERT",` +
        `"data":{"id":1,"name":"Ann \\"A\\"\\n","extra":{"n": 1.00}},"dataOld":{},${AFTER}[],"tags":null}`,
    );
    expect(eventId(event)).toBe(ID);
  });

  it('of an UPDATE without an old row', () => {
    const event = new EventHarness(USERS).update(['1', null, UNCHANGED]);
    expect(bodyOf(event)).toBe(
      `{"id":"${ID}","schema":"public","table":"things","action":"UPDATE",` +
        `"data":{"id":1,"name":null},"dataOld":{},${AFTER}["extra"],"tags":null}`,
    );
  });

  it('of an UPDATE with its old key has only key columns in dataOld', () => {
    const event = new EventHarness(USERS).update(['2', 'Ann', 'null'], 'key', ['1', null, null]);
    expect(bodyOf(event)).toContain(`"data":{"id":2,"name":"Ann","extra":null},"dataOld":{"id":1},${AFTER}[]`);
  });

  it('of an UPDATE with a full old row carries unchanged values from it', () => {
    const event = new EventHarness(FULL_USERS).update([UNCHANGED, 'B', UNCHANGED], 'full', ['1', 'A', '{}']);
    expect(bodyOf(event)).toContain(
      `"data":{"id":1,"name":"B","extra":{}},"dataOld":{"id":1,"name":"A","extra":{}},${AFTER}["id","extra"]`,
    );
  });

  it('of an UPDATE has no NULL for a value that was not resent, also when the old row is only a key', () => {
    const event = new EventHarness(FULL_USERS).update(['2', 'B', UNCHANGED], 'full', ['1', null, null]);
    expect(bodyOf(event)).toContain(
      `"data":{"id":2,"name":"B"},"dataOld":{"id":1,"name":null,"extra":null},${AFTER}["extra"]`,
    );
  });

  it('of one event owes nothing to the one before', () => {
    const harness = new EventHarness(FULL_USERS);
    harness.update([UNCHANGED, 'B', UNCHANGED], 'full', ['1', 'A', null]);
    expect(bodyOf(harness.update(['1', 'B', '2']))).toContain(
      `"data":{"id":1,"name":"B","extra":2},"dataOld":{},${AFTER}[]`,
    );
  });

  it('of an UPDATE leaves out what no row holds', () => {
    const harness = new EventHarness(FULL_USERS);
    const event = harness.update([UNCHANGED, UNCHANGED, UNCHANGED], 'full', [UNCHANGED, UNCHANGED, UNCHANGED]);
    expect(bodyOf(event)).toContain(`"data":{},"dataOld":{},${AFTER}["id","name","extra"]`);
  });

  it.each([
    ['key', ['1', null, null], '{"id":1}'],
    ['full', ['1', null, '[]'], '{"id":1,"name":null,"extra":[]}'],
  ] as const)('of a DELETE with old row: %s', (oldKind, values, dataOld) => {
    expect(bodyOf(new EventHarness(USERS).delete(oldKind, values))).toContain(
      `"action":"DELETE","data":{},"dataOld":${dataOld},${AFTER}[],"tags":null}`,
    );
  });

  it('of a TRUNCATE', () => {
    expect(bodyOf(new EventHarness(USERS).truncate())).toBe(
      `{"id":"${ID}","schema":"public","table":"things","action":"TRUNCATE",` +
        `"data":{},"dataOld":{},${AFTER}[],"tags":null}`,
    );
  });

  it('carries tags in their order', () => {
    const tags = new Map([
      ['region "x"', 'eu'],
      ['1', ''],
    ]);
    expect(bodyOf(new EventHarness(USERS, { tags }).truncate())).toMatch(/"tags":\{"region \\"x\\"":"eu","1":""\}\}$/);
    expect(bodyOf(new EventHarness(USERS, { tags: new Map() }).truncate())).toMatch(/"tags":\{\}\}$/);
  });

  it('leaves excluded columns out everywhere', () => {
    const excludedColumn = (name: string) => name === 'id' || name === 'extra';
    const harness = new EventHarness(FULL_USERS, { excludedColumn });
    const event = harness.update(['2', UNCHANGED, UNCHANGED], 'full', ['1', 'A', '{}']);
    expect(bodyOf(event)).toContain(`"data":{"name":"A"},"dataOld":{"name":"A"},${AFTER}["name"]`);
  });

  it('is complete without columns', () => {
    const nothing = new EventHarness(relationOf([]));
    expect(bodyOf(nothing.insert([]))).toContain(`"data":{},"dataOld":{},${AFTER}[]`);
    const hidden = new EventHarness(USERS, { excludedColumn: () => true });
    expect(bodyOf(hidden.insert(['1', 'A', '1']))).toContain(`"data":{},"dataOld":{},${AFTER}[]`);
  });

  it('quotes identifiers', () => {
    const relation = relationOf(
      [
        ['Quoted_" . Column', 25],
        ['名前', 25],
        ["'x'", 25],
      ],
      {
        schema: 'Quoted_" . Schema',
        table: 'テスト"\\',
      },
    );
    const body = bodyOf(new EventHarness(relation).insert(['a', 'b', 'c']));
    expect(JSON.parse(body)).toMatchObject({
      schema: 'Quoted_" . Schema',
      table: 'テスト"\\',
      data: { 'Quoted_" . Column': 'a', 名前: 'b', "'x'": 'c' },
    });
  });

  it('keeps columns that differ only in case apart, and 1,600 of them', () => {
    const columns = Array.from({ length: 800 }, (_, index) => [`c${index}`, `C${index}`]).flat();
    const relation = relationOf(columns.map((column) => [column, 23] as const));
    const event = new EventHarness(relation).insert(columns.map((_, index) => String(index)));
    expect(parsedBody(event).data).toEqual(Object.fromEntries(columns.map((column, index) => [column, index])));
  });

  it('keeps every digit of big numbers', () => {
    const event = new EventHarness(USERS).insert(['9223372036854775807', '', '12345678901234567890.000']);
    expect(bodyOf(event)).toContain('{"id":9223372036854775807,"name":"","extra":12345678901234567890.000}');
  });
});

describe('the rest of an event', () => {
  it('holds place, route and transaction', () => {
    const harness = new EventHarness(USERS);
    const first = harness.insert(['1', 'A', null]);
    const second = harness.truncate();
    expect(first).toMatchObject({ seq: 1, ordinal: 0, action: 'INSERT', barrier: false });
    expect(second).toMatchObject({ seq: 2, ordinal: 1, action: 'TRUNCATE', barrier: true });
    expect(first.route).toBe(harness.plan.route);
    expect(second.tx).toBe(first.tx);
    expect(first.tx).toEqual({
      commitLsn: 0x16b374d848n,
      lsnText: '16/B374D848',
      xid: 4242,
      commitTime: '2026-03-04T05:06:07.89Z',
      commitTimeMs: Date.UTC(2026, 2, 4, 5, 6, 7, 890),
    });
  });

  it('says what happened', () => {
    const harness = new EventHarness(USERS);
    const row = ['1', 'A', null];
    const events = [harness.insert(row), harness.update(row), harness.delete('full', row), harness.truncate()];
    expect(events.map((event) => event.action)).toEqual(['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']);
  });

  it('changes with the transaction', () => {
    const harness = new EventHarness(USERS);
    const first = harness.insert(['1', 'A', null]);
    harness.begin({ ...BEGIN, commitLsn: 0x16b374d849n, commitTimestamp: BEGIN.commitTimestamp + 1n, xid: 4243 });
    const second = harness.insert(['1', 'A', null]);
    expect(second.tx).toMatchObject({ xid: 4243, commitTime: '2026-03-04T05:06:07.890001Z', lsnText: '16/B374D849' });
    expect(bodyOf(second)).toContain('"commitTime":"2026-03-04T05:06:07.890001Z"');
    expect(eventId(second) > eventId(first)).toBe(true);
    expect(first.tx.xid).toBe(4242);
  });

  it('is refused outside of a transaction', () => {
    const { plan } = new EventHarness(USERS);
    expect(() => new EventEncoder(SOURCE).truncate(plan, 1, 0)).toThrow(/outside of a transaction/);
  });

  it('names table and column of a value that its type never prints, not the value', () => {
    const harness = new EventHarness(USERS);
    const insert = () => harness.insert(['sec-ret', 'A', null]);
    expect(insert).toThrow(AppError);
    expect(insert).toThrow(
      expect.objectContaining({
        message: 'public.things.id: the text is not of type OID 20',
        facts: { schema: 'public', table: 'things', column: 'id', typeOid: 20 },
      }),
    );
    expect(bodyOf(harness.insert(['1', 'A', null]))).toContain('"data":{"id":1,"name":"A","extra":null}');
  });
});

describe('memory', () => {
  it('of thousands of events stays as it was after later ones', () => {
    const harness = new EventHarness(USERS);
    const events = Array.from({ length: 5000 }, (_, index) =>
      harness.insert([String(index), 'x'.repeat((index * 37) % 3000), '{}']),
    );
    events.forEach((event, index) => {
      expect(bodyOf(event)).toContain(`"data":{"id":${index},"name":"${'x'.repeat((index * 37) % 3000)}","extra":{}}`);
    });
    const slabs = new Set(events.map((event) => event.slab));
    const bytes = events.reduce((sum, event) => sum + event.end - event.start, 0);
    // No more than the bytes and a little of each slab's end.
    expect([...slabs].reduce((sum, slab) => sum + slab.length, 0)).toBeLessThan(bytes * 1.2 + 300_000);
  });

  it('serves again when its events are released', () => {
    const harness = new EventHarness(USERS);
    const slabs = new Set<Buffer>();
    const name = 'x'.repeat(50_000);
    for (let seq = 1; seq <= 100; seq += 1) {
      slabs.add(harness.insert(['1', name, null]).slab);
      harness.release(seq + 1);
    }
    expect(slabs.size).toBe(2);
  });

  it('of a large row is little more than the row', () => {
    const harness = new EventHarness(FULL_USERS);
    const small = harness.insert(['1', 'A', null]);
    const large = 'x'.repeat(1_000_000);
    const insert = harness.insert(['2', large, null]);
    expect(insert.slab.length).toBeLessThan(1_001_000);
    expect(parsedBody(insert).data.name).toBe(large);
    const update = harness.update(['2', UNCHANGED, null], 'full', ['2', large, null]);
    expect(update.slab.length).toBeLessThan(2_002_000);
    expect(parsedBody(update).dataOld.name).toBe(large);
    const remove = harness.delete('full', ['2', large, null]);
    expect(parsedBody(remove).dataOld.name).toBe(large);
    expect(parsedBody(small).data).toEqual({ id: 1, name: 'A', extra: null });
  });

  it('is reserved for every place that a name, a value and a quote can take', () => {
    const long = Array.from({ length: 200 }, (_, index) => `"${index}"`.padEnd(63, '\u0001'));
    const short = Array.from({ length: 200 }, (_, index) => String(index));
    for (const names of [long, short]) expectAllUnchanged(names);
  });

  function expectAllUnchanged(names: readonly string[]): void {
    const columns = names.map((name) => [name, 25, 'key'] as const);
    const harness = new EventHarness(relationOf(columns, { replicaIdentity: 'f' }));
    const all = <T>(value: T) => columns.map(() => value);
    for (const value of ['', '\u0001']) {
      const { data, dataOld, unchangedToastedValues } = parsedBody(harness.update(all(UNCHANGED), 'full', all(value)));
      expect(Object.values(data)).toEqual(all(value));
      expect(dataOld).toEqual(data);
      expect(unchangedToastedValues).toEqual(names);
    }
  }

  it('is reserved for rows of a few columns', () => {
    const narrow = new EventHarness(FULL_USERS);
    const event = narrow.update([UNCHANGED, UNCHANGED, UNCHANGED], 'full', ['1', '', '{}']);
    expect(parsedBody(event).data).toEqual({ id: 1, name: '', extra: {} });
    const escaped = '\u0001'.repeat(600);
    expect(parsedBody(narrow.update([UNCHANGED, UNCHANGED, null], 'full', ['1', escaped, null])).data['name']).toBe(
      escaped,
    );
  });

  it('holds rows of which every byte is escaped', () => {
    const harness = new EventHarness(USERS);
    for (const length of [1, 100, 5000, 6000, 100_000]) {
      const name = '\u0001'.repeat(length);
      expect(parsedBody(harness.insert(['1', name, null])).data.name).toBe(name);
    }
  });
});
