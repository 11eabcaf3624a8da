import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNats } from '../../support/nats-server.js';
import {
  ALL_POSTGRES_VERSIONS,
  startDatabase,
  type PostgresVersion,
  type TestDatabase,
} from '../../support/postgres.js';
import { readEvent, spelledRow } from '../support/observed-events.js';
import { publishedToNats, publishedToStdout } from '../support/published.js';
import { type ExpectedEvent, expectedPhases } from './expected.js';
import {
  changeRows,
  CONTRACT_SETTINGS,
  createTables,
  IDENTITIES,
  type Identity,
  type Printed,
  qualified,
} from './literal-tables.js';
import { EXTENSION_TYPES, type TypeCase, TYPE_DEFINITIONS, typeCases } from './literals.js';

const SLOT = 'wal_listener';
const NATS_SLOT = 'wal_listener_nats';
const PUBLICATIONS = ['changes', 'inserts'];
const PREPARATION_DEADLINE_MS = 300_000;
/** The version that also goes through a broker. */
const NATS_VERSION: PostgresVersion = 18;

/** Extensions that the servers of the tests bring. */
const EXTENSIONS: Readonly<Record<PostgresVersion, readonly string[]>> = {
  14: ['citext', 'hstore', 'ltree'],
  15: ['citext', 'hstore', 'ltree'],
  16: ['citext', 'hstore', 'ltree'],
  17: ['citext', 'hstore', 'ltree'],
  18: ['citext', 'hstore', 'ltree'],
};

/** Makes the types, tables, publications and slots. */
async function prepare(client: pg.Client, version: PostgresVersion, cases: readonly TypeCase[]): Promise<void> {
  await client.query(CONTRACT_SETTINGS);
  await client.query(EXTENSIONS[version].map((name) => `CREATE EXTENSION ${name};`).join(''));
  await client.query(TYPE_DEFINITIONS);
  await client.query(IDENTITIES.map((identity) => `CREATE SCHEMA "${identity}";`).join(''));
  for (const typeCase of cases) await client.query(createTables(typeCase));
  const tables = (wanted: readonly Identity[]) =>
    wanted.flatMap((identity) => cases.map((typeCase) => qualified(identity, typeCase))).join();
  await client.query(`CREATE PUBLICATION changes FOR TABLE ${tables(['default', 'full', 'index'])}`);
  await client.query(`CREATE PUBLICATION inserts FOR TABLE ${tables(['nothing'])} WITH (publish = 'insert')`);
  for (const slot of version === NATS_VERSION ? [SLOT, NATS_SLOT] : [SLOT])
    await client.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
}

/** The order of the rows' first column; an UPDATE visits them as they happen to lie. */
function byId(one: ExpectedEvent, other: ExpectedEvent): number {
  const id = ({ data, dataOld }: ExpectedEvent) => Number((data[0] ?? dataOld[0])?.[1]);
  return id(one) - id(other);
}

/** The events by `schema.table`, in their order. */
function byTable(bodies: readonly string[], cases: readonly TypeCase[]): Map<string, readonly ExpectedEvent[]> {
  const verbatim = new Set(cases.filter(({ form }) => form === 'verbatim').map(({ type }) => type));
  const tables = new Map<string, ExpectedEvent[]>();
  for (const body of bodies) {
    const { schema, table, action, data, dataOld, unchanged } = readEvent(body);
    const columns = verbatim.has(table) ? ['v'] : [];
    const event = { action, data: spelledRow(data, columns), dataOld: spelledRow(dataOld, columns), unchanged };
    const name = `${schema}.${table}`;
    const known = tables.get(name);
    if (known === undefined) tables.set(name, [event]);
    else known.push(event);
  }
  return tables;
}

describe.each(ALL_POSTGRES_VERSIONS)('PostgreSQL %i', (version) => {
  const cases = typeCases(version, EXTENSIONS[version]);
  let database: TestDatabase;
  let client: pg.Client;
  let bodies: readonly string[];
  let events: ReadonlyMap<string, readonly ExpectedEvent[]>;
  const printed = new Map<TypeCase, ReadonlyMap<Identity, Printed>>();

  beforeAll(async () => {
    database = await startDatabase({ version });
    client = await database.client();
    await prepare(client, version, cases);
    for (const typeCase of cases) printed.set(typeCase, await changeRows(client, typeCase));
    bodies = await publishedToStdout(database, { slot: SLOT, publications: PUBLICATIONS });
    events = byTable(bodies, cases);
  }, PREPARATION_DEADLINE_MS);

  afterAll(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  it('has the extensions whose types are tested, and no other of them', async () => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name::text FROM pg_available_extensions WHERE name = ANY($1) ORDER BY name',
      [Object.keys(EXTENSION_TYPES)],
    );
    expect(rows.map(({ name }) => name)).toEqual(EXTENSIONS[version]);
  });

  it('publishes nothing but the rows of these tables', () => {
    const tables = cases.flatMap(({ type }) => IDENTITIES.map((identity) => `${identity}.${type}`));
    expect([...events.keys()].toSorted()).toEqual(tables.toSorted());
  });

  describe.each(IDENTITIES)('replica identity %s', (identity) => {
    it.each(cases.map((typeCase) => [typeCase.type, typeCase] as const))('%s arrives unharmed', (type, typeCase) => {
      const oracle = printed.get(typeCase)?.get(identity);
      if (oracle === undefined) throw new Error('nothing was printed');
      const found = [...(events.get(`${identity}.${type}`) ?? [])];
      const expected = expectedPhases(typeCase, identity, oracle);
      expect(found).toHaveLength(expected.flat().length);
      for (const phase of expected) expect(found.splice(0, phase.length).toSorted(byId)).toEqual(phase);
    });
  });

  if (version !== NATS_VERSION) return;

  it('publishes the same bytes to a broker', async () => {
    await using nats = await startNats({ config: 'max_payload: 8MB' });
    const stored = await publishedToNats(database, nats, { slot: NATS_SLOT, publications: PUBLICATIONS });
    expect(stored).toHaveLength(bodies.length);
    expect(stored.filter((body, index) => body !== bodies[index])).toEqual([]);
  });
});
