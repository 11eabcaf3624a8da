import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_POSTGRES_VERSIONS, startDatabase, type TestDatabase } from '../../support/postgres.js';
import { eventLine } from '../support/observed-events.js';
import { publishedToStdout } from '../support/published.js';
import { quoteIdentifier } from './literal-tables.js';
import { TABLE_KINDS } from './table-kinds.js';

const PREPARATION_DEADLINE_MS = 300_000;

const OUT_OF_LINE = 'x'.repeat(3000);

/** A publication that shows leaves as their root. */
const ROOTS = `
  CREATE SCHEMA rooted;
  CREATE TABLE rooted.root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
  CREATE TABLE rooted.low PARTITION OF rooted.root FOR VALUES FROM (0) TO (10);
  CREATE TABLE rooted.high (v text, gone int, id int PRIMARY KEY);
  ALTER TABLE rooted.high DROP gone;
  ALTER TABLE rooted.root ATTACH PARTITION rooted.high FOR VALUES FROM (10) TO (100);
  CREATE TABLE rooted.uneven (id int PRIMARY KEY, v text, big text) PARTITION BY RANGE (id);
  CREATE TABLE rooted.leaf PARTITION OF rooted.uneven DEFAULT;
  ALTER TABLE rooted.leaf ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE rooted.uneven REPLICA IDENTITY FULL;
  CREATE PUBLICATION special FOR TABLE rooted.root, rooted.uneven WITH (publish_via_partition_root)`;

/** On PostgreSQL 18 the same publication includes stored generated columns. */
const GENERATED = `
  CREATE SCHEMA computed;
  CREATE TABLE computed.t (id int PRIMARY KEY, twice numeric GENERATED ALWAYS AS (id * 2.50) STORED,
    thrice int GENERATED ALWAYS AS (id * 3) VIRTUAL);
  ALTER PUBLICATION special ADD TABLE computed.t;
  ALTER PUBLICATION special SET (publish_generated_columns = stored)`;

describe.each(ALL_POSTGRES_VERSIONS)('PostgreSQL %i', (version) => {
  const kinds = TABLE_KINDS.filter(({ since = 14 }) => version >= since);
  let database: TestDatabase;
  let client: pg.Client;
  let lines: readonly string[];

  const linesOf = (schema: string) =>
    lines.filter((line) => line.split(' ').slice(1).join(' ').startsWith(`${schema}.`));
  const createSlot = (slot: string) =>
    client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);

  /** While the program streams: a value that the type did not have when it began. */
  async function extendEnum(): Promise<void> {
    await client.query(`INSERT INTO enums.t VALUES ('before', '{before}')`);
    await client.query(`ALTER TYPE enums.level ADD VALUE 'été' BEFORE 'before'`);
    await client.query(`INSERT INTO enums.t VALUES ('été', '{été,before}')`);
    await client.query(`ALTER TYPE enums.level RENAME VALUE 'before' TO 'after'`);
    await client.query(`UPDATE enums.t SET many = many || '{after}'`);
  }

  beforeAll(async () => {
    database = await startDatabase({ version });
    client = await database.client();
    await client.query('CREATE PUBLICATION everything FOR ALL TABLES');
    await createSlot('wal_listener');
    for (const { schema, tables, changes, refused } of kinds) {
      await client.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`);
      await client.query(`SET search_path = ${quoteIdentifier(schema)}`);
      for (const sql of [...tables, ...changes]) await client.query(sql);
      if (refused === undefined) continue;
      const [sql, state] = refused;
      const error: unknown = await client.query(sql).catch((error: unknown) => error);
      expect(error instanceof pg.DatabaseError && error.code).toBe(state);
    }
    await client.query(`CREATE SCHEMA enums; CREATE TYPE enums.level AS ENUM ('before');
      CREATE TABLE enums.t (v enums.level PRIMARY KEY, many enums.level[])`);
    const bodies = await publishedToStdout(database, {
      slot: 'wal_listener',
      publications: ['everything'],
      meanwhile: async (streams) => {
        await streams();
        await extendEnum();
      },
    });
    lines = bodies.map(eventLine);
  }, PREPARATION_DEADLINE_MS);

  afterAll(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  it.each(kinds.map((kind) => [kind.title, kind] as const))('%s', (_, { schema, events, anyOrder = false }) => {
    const found = linesOf(schema);
    expect(anyOrder ? found.toSorted() : found).toEqual(events);
  });

  it('enum values added and renamed while the program streams', () => {
    expect(linesOf('enums')).toEqual([
      'INSERT enums.t {"v":"before","many":"{before}"} {}',
      'INSERT enums.t {"v":"été","many":"{été,before}"} {}',
      'UPDATE enums.t {"v":"after","many":"{after,after}"} {}',
      'UPDATE enums.t {"v":"été","many":"{été,after,after}"} {}',
    ]);
  });

  it('publishes nothing of any other table', () => {
    const known = [...kinds.flatMap(({ schema }) => linesOf(schema)), ...linesOf('enums')];
    expect(lines.toSorted()).toEqual(known.toSorted());
  });

  it('a partitioned table published as its root, and stored generated columns where a publication may include them', async () => {
    const computes = version >= 18;
    await client.query(ROOTS);
    if (computes) await client.query(GENERATED);
    await createSlot('special');
    await client.query(`INSERT INTO rooted.root VALUES (1, 'a'), (50, 'b')`);
    await client.query(`UPDATE rooted.root SET v = 'c' WHERE id = 50`);
    await client.query('UPDATE rooted.root SET id = 51 WHERE id = 50');
    await client.query('UPDATE rooted.root SET id = 60 WHERE id = 1');
    await client.query('DELETE FROM rooted.root WHERE id = 60');
    await client.query('TRUNCATE rooted.root');
    await client.query(`INSERT INTO rooted.uneven VALUES (1, 'a', '${OUT_OF_LINE}')`);
    await client.query('UPDATE rooted.uneven SET id = 2');
    if (computes)
      await client.query('INSERT INTO computed.t VALUES (1); UPDATE computed.t SET id = 2; DELETE FROM computed.t');
    const bodies = await publishedToStdout(database, { slot: 'special', publications: ['special'] });
    expect(bodies.map(eventLine)).toEqual([
      'INSERT rooted.root {"id":1,"v":"a"} {}',
      'INSERT rooted.root {"id":50,"v":"b"} {}',
      'UPDATE rooted.root {"id":50,"v":"c"} {}',
      'UPDATE rooted.root {"id":51,"v":"c"} {"id":50}',
      'DELETE rooted.root {} {"id":1}',
      'INSERT rooted.root {"id":60,"v":"a"} {}',
      'DELETE rooted.root {} {"id":60}',
      'TRUNCATE rooted.root {} {}',
      `INSERT rooted.uneven {"id":1,"v":"a","big":"${OUT_OF_LINE}"} {}`,
      // The server sends the leaf's key as the root's whole row: what it left out of line must not become NULL.
      'UPDATE rooted.uneven {"id":2,"v":"a"} {"id":1,"v":null,"big":null} [big]',
      ...(computes
        ? [
            'INSERT computed.t {"id":1,"twice":"2.50"} {}',
            'UPDATE computed.t {"id":2,"twice":"5.00"} {"id":1}',
            'DELETE computed.t {} {"id":2}',
          ]
        : []),
    ]);
  });
});
