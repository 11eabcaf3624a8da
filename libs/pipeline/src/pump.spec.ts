import { describe, expect, it } from 'vitest';
import { EventEncoder, type OutgoingEvent } from '#lib/events';
import { RelationFilter, TopicRouter, type FilterRules } from '#lib/filtering';
import { noMetrics, silentLogger } from '#lib/kernel';
import { Decoder, type Message, type Relation } from '#lib/pgoutput';
import { encodeMessage, relationOf, tupleOf, type ColumnValue } from '../../pgoutput/testing/src/index.js';
import { AckTracker } from './ack-tracker.js';
import { Pump, type PumpOptions } from './pump.js';
import { RelationPlanner, type CatalogReading, type PlannerRules } from './relation-planner.js';

const users = relationOf(
  [
    ['id', 23, 'key'],
    ['name', 25],
  ] as const,
  { oid: 1, table: 'users' },
);
const audit = relationOf([['id', 23, 'key']] as const, { oid: 2, table: 'audit' });

interface Setup {
  readonly filter?: Partial<FilterRules>;
  readonly options?: Partial<PumpOptions>;
  readonly rules?: Partial<PlannerRules>;
  readonly primaryKey?: () => Promise<readonly string[]>;
  readonly known?: Partial<CatalogReading>;
}

function setUp({
  filter = {},
  options = {},
  rules = {},
  primaryKey = () => Promise.resolve([]),
  known = {},
}: Setup = {}) {
  const filtered: string[] = [];
  const tracker = new AckTracker();
  const planner = new RelationPlanner(
    {
      filter: new RelationFilter({
        filterTables: undefined,
        includeTables: new Map(),
        exclude: { schemas: [], tables: [], columns: [] },
        ...filter,
      }),
      router: new TopicRouter({ topic: 'shop', topicPrefix: '', topicsMap: new Map() }),
      topicName: (name) => name,
      needsKeys: true,
      tags: undefined,
      messageKeyFrom: undefined,
      ...rules,
    },
    { tables: [], lsn: 0n, ...known },
    primaryKey,
    () => undefined,
  );
  const pump = new Pump(
    {
      decoder: new Decoder(),
      planner,
      encoder: new EventEncoder({ systemIdentifier: '7', databaseOid: 5, publications: ['p'] }),
      tracker,
      metrics: { ...noMetrics, filtered: (table, count) => void filtered.push(...Array<string>(count).fill(table)) },
      logger: silentLogger,
    },
    { maxTransactionSize: 0, dropForeignOrigin: false, ...options },
  );
  const handle = (message: Message) => {
    const bytes = encodeMessage(message);
    // Somewhere in a larger chunk, as it comes from the network.
    return pump.message(Buffer.concat([Buffer.of(1, 2, 3), bytes, Buffer.of(4)]), 3, 3 + bytes.length);
  };
  const send = (message: Message) => void handle(message);
  return { pump, tracker, planner, filtered, handle, send };
}

const begin = (commitLsn = 100n): Message => ({ type: 'begin', commitLsn, commitTimestamp: 0n, xid: 9 });
const commit = (commitLsn = 100n): Message => ({
  type: 'commit',
  commitLsn,
  endLsn: commitLsn + 8n,
  commitTimestamp: 0n,
});
const learn = (relation: Relation): Message => ({ type: 'relation', relation });
const insert = (relation: Relation, ...values: ColumnValue[]): Message => ({
  type: 'insert',
  relation,
  newTuple: tupleOf(values),
});

const keyOf = ({ keySlab, keyStart, keyEnd }: OutgoingEvent) => keySlab.toString('utf8', keyStart, keyEnd);

const bodies = (pump: Pump) =>
  pump
    .take()
    .map((event) => JSON.parse(event.slab.toString('utf8', event.start, event.end)) as Record<string, unknown>);

describe('Pump', () => {
  it('encodes the rows of a transaction and confirms nothing before they are durable', () => {
    const { pump, tracker, send } = setUp();
    for (const message of [begin(), learn(users), insert(users, '1', 'a'), insert(users, '2', 'b'), commit()]) {
      send(message);
    }
    const events = pump.take();
    expect(events.map(({ seq, ordinal, route }) => [seq, ordinal, route.topic])).toEqual([
      [1, 0, 'shop.public_users'],
      [2, 1, 'shop.public_users'],
    ]);
    expect(pump.take()).toEqual([]);
    tracker.settled(1, 2);
    expect(tracker.confirmable).toBe(108n);
  });

  it('counts ordinals before filters, so ids do not depend on the configuration', () => {
    const { pump, send, filtered } = setUp({ filter: { exclude: { schemas: [], tables: ['audit'], columns: [] } } });
    for (const message of [
      begin(),
      learn(users),
      learn(audit),
      insert(audit, '1'),
      insert(users, '1', 'a'),
      { type: 'truncate', relations: [audit, users], cascade: false, restartIdentity: false } as const,
      insert(users, '2', 'b'),
    ]) {
      send(message);
    }
    expect(pump.take().map(({ ordinal, action }) => [ordinal, action])).toEqual([
      [1, 'INSERT'],
      [3, 'TRUNCATE'],
      [4, 'INSERT'],
    ]);
    expect(filtered).toEqual(['audit', 'audit']);
  });

  it('confirms a transaction of which nothing was published', () => {
    const { tracker, send } = setUp({ filter: { filterTables: new Map() } });
    for (const message of [begin(), learn(users), insert(users, '1', 'a'), commit()]) send(message);
    expect(tracker.confirmable).toBe(108n);
  });

  it('publishes the first N events that pass the filters with maxTransactionSize', () => {
    const { pump, send, filtered } = setUp({
      options: { maxTransactionSize: 2 },
      filter: { exclude: { schemas: [], tables: ['audit'], columns: [] } },
    });
    for (const message of [begin(), learn(users), learn(audit), insert(audit, '0')]) send(message);
    for (let i = 1; i <= 4; i++) send(insert(users, String(i), 'x'));
    send(commit());
    expect(bodies(pump).map((body) => body['data'])).toEqual([
      { id: 1, name: 'x' },
      { id: 2, name: 'x' },
    ]);
    expect(filtered).toEqual(['audit', 'users', 'users']);
    // The next transaction starts afresh.
    for (const message of [begin(200n), insert(users, '9', 'x'), commit(200n)]) send(message);
    expect(pump.take()).toHaveLength(1);
  });

  it('drops transactions of foreign origin when told to, and only then', () => {
    const origin: Message = { type: 'origin', originLsn: 1n, name: 'elsewhere' };
    for (const [dropForeignOrigin, expected] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const { pump, tracker, send } = setUp({ options: { dropForeignOrigin } });
      for (const message of [begin(), origin, learn(users), insert(users, '1', 'a'), commit()]) send(message);
      expect(pump.take()).toHaveLength(expected);
      if (expected === 0) expect(tracker.confirmable).toBe(108n);
    }
  });

  it('leaves out excluded columns', () => {
    const { pump, send } = setUp({ filter: { exclude: { schemas: [], tables: [], columns: ['NAME'] } } });
    for (const message of [begin(), learn(users), insert(users, '1', 'secret')]) send(message);
    expect(bodies(pump)[0]).toMatchObject({ data: { id: 1 } });
    expect(JSON.stringify(bodies(pump))).not.toContain('secret');
  });

  it('asks the catalog for the primary key of a table with full identity, and holds back until it knows', async () => {
    let asked = 0;
    const full = relationOf(
      [
        ['id', 23, 'key'],
        ['name', 25, 'key'],
      ] as const,
      {
        oid: 3,
        table: 'full',
        replicaIdentity: 'f',
      },
    );
    const { pump, handle, send } = setUp({
      primaryKey: () => {
        asked++;
        return Promise.resolve(['id']);
      },
    });
    send(begin());
    const wait = handle(learn(full));
    expect(wait).toBeInstanceOf(Promise);
    await wait;
    send(insert(full, '7', 'x'));
    const [event] = pump.take();
    expect(event.keySlab.toString('utf8', event.keyStart, event.keyEnd)).toBe('7');
    expect(asked).toBe(1);
  });

  it.each([
    ['a change outside of a transaction', [learn(users), insert(users, '1', 'a')]],
    ['a commit of another transaction', [begin(100n), commit(200n)]],
    ['a transaction inside another', [begin(), begin()]],
    ['rows of a relation it was not told about', [begin(), insert(users, '1', 'a')]],
  ])('refuses %s', (_, messages) => {
    const { send, tracker } = setUp();
    expect(() => messages.forEach(send)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(tracker.confirmable).toBeUndefined();
  });
});

describe('a message that is not pgoutput', () => {
  it('is a PROTOCOL error that names the transaction, and counts as a parse problem', () => {
    const { pump, send } = setUp();
    send(begin());
    const bytes = encodeMessage(commit()).subarray(0, 12);
    expect(() => pump.message(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL', retriable: false, facts: { lsn: '0/64', xid: 9 } }),
    );
  });
});

describe('RelationPlanner', () => {
  it('refuses key columns that the replica identity does not hold', () => {
    const { send } = setUp({ rules: { messageKeyFrom: { kind: 'all', columns: ['name'] } } });
    expect(() => send(learn(users))).toThrow(expect.objectContaining({ code: 'MESSAGE_KEY' }));
  });

  it('keeps the own key of tables without the columns that are named for all', () => {
    const { send, pump } = setUp({ rules: { messageKeyFrom: { kind: 'all', columns: ['tenant_id'] } } });
    for (const message of [begin(), learn(users), insert(users, '7', 'x')]) send(message);
    const [event] = pump.take();
    expect(event.keySlab.toString('utf8', event.keyStart, event.keyEnd)).toBe('7');
  });

  const full = (oid: number, table: string, ...columns: readonly (readonly [string, number])[]) =>
    relationOf(
      columns.map(([name, type]) => [name, type, 'key'] as const),
      { oid, table, replicaIdentity: 'f' },
    );
  const withScale = ({ columns: [id, ...others], ...relation }: Relation, typeModifier: number): Relation => ({
    ...relation,
    columns: [{ ...id, typeModifier }, ...others],
  });

  it('goes by the catalog as it was read at the opening for what was committed before, and asks for what came later', async () => {
    const things = full(3, 'things', ['id', 23], ['code', 25]);
    let asked = 0;
    const { pump, handle, send } = setUp({
      known: { tables: [{ oid: 3, schema: 'public', table: 'things', primaryKey: ['id'] }], lsn: 200n },
      primaryKey: () => Promise.resolve([++asked === 1 ? 'code' : 'gone']),
    });
    for (const message of [begin(100n), learn(things), learn(things), insert(things, '7', 'x'), commit(100n)])
      send(message);
    send(begin(300n));
    await handle(learn(things));
    send(insert(things, '7', 'x'));
    await handle(learn(things));
    send(insert(things, '7', 'x'));
    expect(pump.take().map(keyOf)).toEqual(['7', '"x"', 'things']);
  });

  it.each([
    ['key columns', full(3, 'things', ['code', 25], ['n', 23])],
    ['the type of a key column', full(3, 'things', ['id', 25], ['n', 23])],
    // numeric(10,2) prints 1.00 for what was 1.
    ['scale of a key column', withScale(full(3, 'things', ['id', 23], ['n', 23]), 655366)],
    ['name', full(3, 'others', ['id', 23], ['n', 23])],
    ['table behind its name, with another key', full(4, 'things', ['code', 25], ['n', 23])],
  ])('makes the first event of a table with another %s a barrier, once', async (_, changed) => {
    const before = full(3, 'things', ['id', 23], ['n', 23]);
    const columns = (relation: Relation) => [relation.columns[0].name];
    let current = before;
    const { pump, handle, send } = setUp({ primaryKey: () => Promise.resolve(columns(current)) });
    send(begin());
    for (const relation of [before, before, changed]) {
      current = relation;
      await handle(learn(relation));
      if (relation === changed) await handle(learn(relation));
      for (const key of ['1', '2']) send(insert(relation, key, '5'));
    }
    expect(pump.take().map(({ barrier }) => barrier)).toEqual([false, false, false, false, true, false]);
  });
});
