import type pg from 'pg';
import { compileRowPlan, EventEncoder, type OutgoingEvent, type RowPlan } from '#lib/events';
import { Decoder } from '#lib/pgoutput';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POSTGRES_VERSIONS, startDatabase, type TestDatabase } from '../../support/postgres.js';

const SETTINGS = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
  SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'`;

/** Type → literals as SQL text. */
const LITERALS: Readonly<Record<string, readonly string[]>> = {
  int2: ['-32768', '0', '32767'],
  int4: ['-2147483648', '2147483647'],
  int8: ['-9223372036854775808', '9223372036854775807'],
  oid: ['4294967295'],
  float4: ['3.3', '4.44'],
  float8: ['123.456789012345', '1e-320', 'NaN', 'Infinity', '-Infinity', '-0'],
  numeric: ['NaN', 'Infinity', '1e131071', '1e-16383', '123456.7890'],
  bool: ['t', 'f'],
  money: ['1234.11', '-1234.11', '-92233720368547758.07'],
  text: ['', `"quotes" 'and' \\ \t \n \r \b \f \u0001 \u001f \u007f`, 'ñ ✓ 🎉', '$$\\N$$', '<a href="x">&</a>'],
  'char(10)': ['padded'],
  '"char"': ['\u0001'],
  bytea: ['\\x', '\\x00ff', '\\xDEADBEEF'],
  varbit: ['', '101', `1${'0'.repeat(63)}`],
  date: ['2016-11-04', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31'],
  time: ['00:00', '13:51:30.123456', '24:00:00'],
  timetz: ['14:30:00+05:30', '23:59:59.999999-08', '24:00:00+00'],
  timestamp: ['2016-11-04 13:51:30.123456', '1936-10-25 22:10:12.608', '0001-01-01', '9999-12-31 23:59:59.999999'],
  timestamptz: ['2016-11-04 13:51:30.123456+02', '2016-11-04 13:51:30.1', '2016-11-04 13:51:30.12', '0001-01-01'],
  interval: ['1 year 2 mons 3 days 04:05:06.78', '0', '-1 mon -2 days'],
  inet: ['10.0.0.1/8', '2001:4f8:3:ba::1'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  uuid: ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
  json: ['{"a": 1,  "a": 2}', '12345678901234567890', '"\\ud800"', 'null'],
  jsonb: ['{"a": [1, null, {"b": "\\" \\\\ \\n ñ"}]}', '12345678901234567890', '1e400', 'null', '"x"', 'false'],
  int4range: ['[1,10)', 'empty', '(,)'],
  'text[]': ['{}', '{a,NULL,"b,\\"c\\""}', '[0:1]={7,8}'],
  tsvector: ["'a':1 'b'"],
  point: ['(1.5,-2)'],
};
/** Timestamps that RFC 3339 cannot say. */
const BEYOND_RFC3339 = [
  'infinity',
  '-infinity',
  '4713-11-24 00:00:00 BC',
  '12345-01-01',
  '294276-12-31 23:59:59.999999',
];

/** What a value must be, from what the type's output function prints. */
function expectedJson(type: string, printed: string): string {
  if (type === 'bool') return printed === 't' ? 'true' : 'false';
  if (['int2', 'int4', 'int8', 'jsonb'].includes(type)) return printed;
  if (!type.startsWith('timestamp')) return JSON.stringify(printed);
  const rfc = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?$/.exec(printed);
  return rfc === null ? JSON.stringify(printed) : `"${rfc[1]}T${rfc[2]}Z"`;
}

function bodyOf(event: OutgoingEvent): string {
  return event.slab.toString('utf8', event.start, event.end);
}

/** Reads what the slot holds and encodes it. */
async function readEvents(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_get_binary_changes('real_values', NULL, NULL,
       'proto_version', '1', 'publication_names', 'everything')`,
  );
  const decoder = new Decoder();
  const encoder = new EventEncoder({ systemIdentifier: '1', databaseOid: 1, publications: ['everything'] });
  const plans = new Map<number, RowPlan>();
  const events: OutgoingEvent[] = [];
  for (const { data } of rows) {
    const message = decoder.decode(data, 0, data.length);
    const number = events.length;
    const planOf = (oid: number): RowPlan => {
      const plan = plans.get(oid);
      if (plan === undefined) throw new Error(`no Relation for ${oid}`);
      return plan;
    };
    if (message.type === 'begin') encoder.beginTransaction(message);
    if (message.type === 'relation') {
      const { relation } = message;
      const route = { schema: relation.schema, table: relation.table, topic: relation.table };
      const options = { route, tags: undefined, excludedColumn: () => false, keyColumns: [], needsKeys: true };
      plans.set(relation.oid, compileRowPlan(relation, options));
    }
    if (message.type === 'insert') events.push(encoder.insert(planOf(message.relation.oid), message, number, number));
    if (message.type === 'update') events.push(encoder.update(planOf(message.relation.oid), message, number, number));
    if (message.type === 'delete') events.push(encoder.delete(planOf(message.relation.oid), message, number, number));
    if (message.type === 'truncate') {
      for (const { oid } of message.relations) events.push(encoder.truncate(planOf(oid), number, number));
    }
  }
  return events.map(bodyOf);
}

describe.each(POSTGRES_VERSIONS)('rows of PostgreSQL %i', (version) => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await startDatabase({ version });
    client = await database.client();
    await client.query(SETTINGS);
    await client.query('CREATE PUBLICATION everything FOR ALL TABLES');
    await client.query(`SELECT pg_create_logical_replication_slot('real_values', 'pgoutput')`);
  });

  afterAll(async () => {
    await client.query(`SELECT pg_drop_replication_slot('real_values')`);
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  it.each(Object.entries(LITERALS))('%s arrives unharmed', async (type, given) => {
    const literals = type.startsWith('timestamp') ? [...given, ...BEYOND_RFC3339] : given;
    await client.query(
      `DROP TABLE IF EXISTS v; CREATE TABLE v (id int, v ${type}); ALTER TABLE v REPLICA IDENTITY FULL`,
    );
    for (const [id, literal] of literals.entries()) {
      await client.query(`INSERT INTO v VALUES (${id}, CAST($1::text AS ${type}))`, [literal]);
    }
    await client.query(`INSERT INTO v VALUES (${literals.length}, NULL)`);
    const printed = await client.query<{ v: string | null }>(
      `SELECT CASE WHEN v IS NULL THEN NULL ELSE concat(v) END AS v FROM v ORDER BY id`,
    );
    await client.query('DELETE FROM v');
    const bodies = await readEvents(client);
    const rows = printed.rows.map(({ v }, id) => `{"id":${id},"v":${v === null ? 'null' : expectedJson(type, v)}}`);
    expect(bodies).toHaveLength(rows.length * 2);
    rows.forEach((row, id) => {
      expect(bodies[id]).toContain(`"action":"INSERT","data":${row},"dataOld":{},`);
      expect(bodies[rows.length + id]).toContain(`"action":"DELETE","data":{},"dataOld":${row},`);
    });
  });

  it.each([
    ['DEFAULT', '"data":{"id":1,"n":2},"dataOld":{}', '["big"]'],
    ['FULL', '"data":{"id":1,"big":BIG,"n":2},"dataOld":{"id":1,"big":BIG,"n":1}', '["big"]'],
  ])('a value left out of line, identity %s', async (identity, rows, unchanged) => {
    await client.query(`DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, big text, n int);
      ALTER TABLE t ALTER big SET STORAGE EXTERNAL; ALTER TABLE t REPLICA IDENTITY ${identity}`);
    const big = 'é"'.repeat(50_000);
    await client.query('INSERT INTO t VALUES (1, $1, 1)', [big]);
    await client.query('UPDATE t SET n = 2');
    await client.query('TRUNCATE t');
    const [insert, update, truncate] = await readEvents(client);
    expect(insert).toContain(`"data":{"id":1,"big":${JSON.stringify(big)},"n":1}`);
    expect(update).toContain(rows.replaceAll('BIG', JSON.stringify(big)));
    expect(update).toContain(`"unchangedToastedValues":${unchanged}`);
    expect(truncate).toContain('"action":"TRUNCATE","data":{},"dataOld":{}');
  });

  it('strange names and 1,600 columns', async () => {
    const columns = Array.from({ length: 1598 }, (_, index) => `c${index}`);
    await client.query(
      `CREATE TABLE wide ("a""b\\c" int, "名前" int, ${columns.map((name) => `${name} bool`).join()})`,
    );
    await client.query(`INSERT INTO wide ("a""b\\c", "名前", c1597) VALUES (1, 2, true)`);
    const [insert] = await readEvents(client);
    expect(insert).toContain(`"data":{"a\\"b\\\\c":1,"名前":2,"c0":null,`);
    expect(insert).toContain(`"c1596":null,"c1597":true},`);
  });
});
