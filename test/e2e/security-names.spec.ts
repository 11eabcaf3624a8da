import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { headers as natsHeaders, type NatsConnection } from 'nats';
import type { Child } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 120_000;

/** What would do something else than be a name, were it not quoted where it goes: SQL, logs, metrics, NATS, shells. */
const NAMES = [
  'x"; DROP TABLE victim; --',
  "'; SELECT pg_sleep(5); --",
  '""',
  'a,b',
  'line\nDROP TABLE victim; --',
  'cr\r\nPUB shop.x 3\r\nabc\r\n',
  '\u001b[2J\u0007\u009b',
  'back\\slash\\',
  '%s%n%00 $1 ${x}',
  "';touch x;'$(id)`id`",
  '*.>.a..b.',
  '<b>&amp;{"a":1}',
  '../../etc/passwd',
  'é🎉\u202Eabc',
  'n'.repeat(63),
] as const;
const USER = 'u"; DROP TABLE victim; --';
const PASSWORD = `p'"\\%:/@ é`;
const DATABASE = `d"b'; DROP TABLE victim; -- %s 🎉`;
const NO_IDENTITY = 'bare\nDROP TABLE victim; --"\';';

const q = (name: string) => `"${name.replaceAll('"', '""')}"`;

let server: PostgresServer;
let nats: NatsServer;
let admin: pg.Client;
let client: NatsConnection;
let env: Record<string, string>;

beforeAll(async () => {
  [server, nats] = await Promise.all([startPostgres({ version: 18 }), startNats()]);
  await server.query(`CREATE ROLE ${q(USER)} LOGIN SUPERUSER PASSWORD '${PASSWORD.replaceAll("'", "''")}'`);
  await server.query(`CREATE DATABASE ${q(DATABASE)}`);
  admin = await server.client({ database: DATABASE });
  client = await nats.client();
  await admin.query('CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1)');
  for (const name of NAMES) {
    await admin.query(`CREATE SCHEMA ${q(name)}`);
    await admin.query(`CREATE TABLE ${q(name)}.${q(name)} (${q(name)} text PRIMARY KEY, "value" text)`);
  }
  await admin.query(`CREATE TABLE ${q(NO_IDENTITY)} (a int)`);
  env = {
    WAL_DATABASE_HOST: server.host,
    WAL_DATABASE_PORT: String(server.port),
    WAL_DATABASE_NAME: DATABASE,
    WAL_DATABASE_USER: USER,
    WAL_DATABASE_PASSWORD: PASSWORD,
    WAL_DATABASE_DEBUG: 'true',
    WAL_LOGGER_LEVEL: 'debug',
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: nats.url,
    WAL_PUBLISHER_TOPIC: 'shop',
    WAL_PUBLISHER_METADATA: 'true',
    WAL_TAGS: JSON.stringify(Object.fromEntries(NAMES.map((name) => [name, name]))),
    WAL_PUBLISHER_MESSAGE_KEY_FROM: JSON.stringify(
      Object.fromEntries(NAMES.map((name) => [`${name}.${name}`, [name]])),
    ),
  };
});
afterAll(async () => {
  await client.close();
  await admin.end();
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function expectVictim(): Promise<void> {
  expect((await admin.query('SELECT id FROM victim')).rows).toEqual([{ id: 1 }]);
}

async function runCheck(variables: Record<string, string>, ...args: readonly string[]): Promise<Child> {
  await using child = startService({ ...env, ...variables }, { args: ['check', ...args] });
  await child.waitForExit(DEADLINE_MS);
  expect(child.stderr).toEqual([]);
  return child;
}

/** One line each, without anything that moves a cursor or turns the text. */
function expectPlainLines(lines: readonly string[]): void {
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u);
}

interface Finding {
  readonly code: string;
  readonly remedy: string;
}

async function findings(variables: Record<string, string> = {}): Promise<readonly Finding[]> {
  const child = await runCheck(variables, '--json');
  return (JSON.parse(child.stdout.join('\n')) as { findings: readonly Finding[] }).findings;
}

/** One event per table, under its own names. */
async function expectEventsOf(stream: string, child: Child, round: string): Promise<void> {
  for (const name of NAMES)
    await admin.query(`INSERT INTO ${q(name)}.${q(name)} VALUES ($1, $2)`, [`${round} ${name}`, name]);
  const manager = await client.jetstreamManager();
  await waitFor(async () => (await manager.streams.info(stream)).state.messages >= NAMES.length, {
    what: () => `an event per table${child.lastOutput()}`,
    deadlineMs: DEADLINE_MS,
  });
  const { state } = await manager.streams.info(stream);
  expect(state.messages).toBe(NAMES.length);
  const seen: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(stream, { seq });
    expect(message.subject).toMatch(/^[^\s*>\p{Cc}]+$/u);
    const expected = ['Content-Type', 'Nats-Expected-Last-Msg-Id', 'Nats-Expected-Last-Sequence', 'Nats-Msg-Id'];
    const own = ['Wal-Action', 'Wal-Commit-Time', 'Wal-Lsn', 'Wal-Ordinal', 'Wal-Table', 'Wal-Xid'];
    expect([...expected, ...own]).toEqual(expect.arrayContaining(message.header.keys()));
    const event = JSON.parse(message.string()) as Record<string, unknown>;
    const table = String(event['table']);
    expect(event).toMatchObject({ schema: table, data: { [table]: `${round} ${table}`, value: table } });
    expect(event['tags']).toEqual(Object.fromEntries(NAMES.map((name) => [name, name])));
    seen.push(table);
  }
  expect(seen).toEqual(NAMES);
}

describe('names are names, whatever they hold', () => {
  it('a header of ours cannot be forged by a client library either', () => {
    // What the assertions below rely on: a value with a line break would be seen as another header.
    expect(() => natsHeaders().set('a', 'b\r\nc: d')).toThrow();
  });

  it('check prints statements that do what they say, on a line each', async () => {
    const publication = { WAL_LISTENER_PUBLICATION: JSON.stringify([NAMES[0]]) };
    const table = await runCheck(publication);
    expectPlainLines(table.stdout);
    for (const line of table.stdout) expect(line).not.toMatch(/^\s*(?:DROP|SELECT pg_sleep)/);
    const [lacking, ...others] = (await findings(publication)).filter(({ code }) => code === 'REPLICA_IDENTITY');
    expect(others).toEqual([]);
    const statements = (lacking?.remedy ?? '').split('\n').filter((line) => line.endsWith(';'));
    expect(statements.map((statement) => statement.split(' ', 1)[0])).toEqual(['ALTER', 'CREATE']);
    for (const statement of statements) await admin.query(statement);
    const made = await admin.query('SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1', [
      NAMES[0],
    ]);
    expect(made.rows).toEqual(
      expect.arrayContaining(NAMES.map((name) => ({ schemaname: name, tablename: name })) as unknown[]),
    );
    const identity = await admin.query('SELECT relreplident FROM pg_class WHERE relname = $1', [NO_IDENTITY]);
    expect(identity.rows).toEqual([{ relreplident: 'f' }]);
    await admin.query(`DROP PUBLICATION ${q(NAMES[0])}`);
    await expectVictim();
  });

  it('of a publication that the service makes, marks and reads, with logs of either form and metrics', async () => {
    await admin.query(`ALTER TABLE ${q(NO_IDENTITY)} REPLICA IDENTITY FULL`);
    const metrics = await freePort();
    const own = {
      WAL_LISTENER_PUBLICATION: JSON.stringify([NAMES[0]]),
      WAL_LISTENER_SLOT_NAME: 'first',
      WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(metrics)}`,
      WAL_LOGGER_FMT: 'text',
    };
    await using child = startService({ ...env, ...own });
    await child.waitForLine(' streaming ', DEADLINE_MS);
    await expectEventsOf('shop', child, 'first');
    const mark = await admin.query(
      `SELECT obj_description(oid, 'pg_publication') AS mark FROM pg_publication WHERE pubname = $1`,
      [NAMES[0]],
    );
    expect(mark.rows).toEqual([{ mark: 'wal-listener slot=first' }]);

    const exposed = await (await fetch(`http://127.0.0.1:${String(metrics)}/metrics`)).text();
    const sample = /^[a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? \S+$/;
    for (const line of exposed.split('\n')) if (line !== '' && !line.startsWith('#')) expect(line).toMatch(sample);
    const label = /^published_events_total\{.*table="((?:[^"\\]|\\.)*)"\}/;
    const tables = exposed.split('\n').flatMap((line) => label.exec(line)?.[1] ?? []);
    const unescaped = tables.map((text) => text.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)));
    expect(unescaped.toSorted()).toEqual([...NAMES].toSorted());

    expect(await child.terminate(DEADLINE_MS)).toEqual({ code: 0, signal: null });
    for (const line of child.stdout) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z (?:DEBUG|INFO |WARN |ERROR) /);
    expectPlainLines(child.stdout);
    expect(child.stderr).toEqual([]);
    await expectVictim();
  });

  it('of a list of publications, of filters and topics', async () => {
    for (const name of NAMES)
      await admin.query(`CREATE PUBLICATION ${q(`p ${name}`.slice(0, 60))} FOR TABLE ${q(name)}.${q(name)}`);
    const own = {
      WAL_LISTENER_PUBLICATION: JSON.stringify(NAMES.map((name) => `p ${name}`.slice(0, 60))),
      WAL_LISTENER_SLOT_NAME: 'second',
      WAL_PUBLISHER_TOPIC: 'second; DROP',
      WAL_PUBLISHER_TOPIC_PREFIX: "it's\r\n> ",
      WAL_LISTENER_FILTER_TABLES: JSON.stringify(
        Object.fromEntries(NAMES.map((name) => [`${name}.${name}`, ['insert']])),
      ),
      WAL_LISTENER_EXCLUDE_SCHEMAS: JSON.stringify([`${NAMES[0]}x`, "'; DROP TABLE victim; --"]),
      WAL_LISTENER_TOPICS_MAP: JSON.stringify({
        '/^line\\nDROP.*/': 'mapped\r\nPUB x 1',
        [`${NAMES[0]}_${NAMES[0]}`]: NAMES[5],
      }),
    };
    await using child = startService({ ...env, ...own });
    await child.waitForLine('"msg":"streaming"', DEADLINE_MS);
    await expectEventsOf('second;_DROP', child, 'second');
    await child.terminate(DEADLINE_MS);
    for (const line of child.stdout) expect(JSON.parse(line)).toHaveProperty('msg');
    expectPlainLines(child.stdout);
    await expectVictim();
  });
});
