import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { E2E_POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';
import { Ledger } from './support/ledger.js';
import { readStream } from './support/nats-broker.js';

const EXIT_DEADLINE_MS = 60_000;

/** A line that says what is wrong and what to do about it. */
interface ErrorLine {
  readonly code?: string;
  readonly msg: string;
  readonly error?: string;
  readonly remedy?: string;
}

function errorLine(child: Child, code: string): ErrorLine | undefined {
  const lines = [...child.stdout, ...child.stderr].filter((line) => line.startsWith('{"level":'));
  return lines.map((line) => JSON.parse(line) as ErrorLine).find((line) => line.code === code);
}

/** The program ends with exit code 1 after one line with this code, which also names the remedy. */
async function expectFatal(child: Child, code: string): Promise<ErrorLine> {
  const exit = await child.waitForExit(EXIT_DEADLINE_MS);
  const line = errorLine(child, code);
  expect(line, child.lastOutput()).toBeDefined();
  expect(exit).toEqual({ code: 1, signal: null });
  expect(line?.remedy ?? '').not.toBe('');
  return line ?? { msg: '' };
}

/** Configuration faults go to stderr as text, exit code 2. */
async function expectConfigFault(env: Record<string, string>, ...texts: string[]): Promise<void> {
  await using child = startService(env);
  expect(await child.waitForExit(EXIT_DEADLINE_MS)).toEqual({ code: 2, signal: null });
  for (const text of texts) expect(child.stderr.join('\n')).toContain(text);
}

const UNCONNECTED = { WAL_DATABASE_NAME: 'x', WAL_DATABASE_USER: 'y', WAL_PUBLISHER_TYPE: 'stdout' };

describe('a configuration that cannot be', () => {
  it('lists every fault at once: unknown key, bad duration, bad regex', async () => {
    await expectConfigFault(
      {
        ...UNCONNECTED,
        WAL_LISTENER_SLOTNAM: 'x',
        WAL_LISTENER_ACK_TIMEOUT: '30',
        WAL_LISTENER_TOPICS_MAP: '{"/(/":"x"}',
      },
      'WAL_LISTENER_SLOT_NAME',
      'listener.ackTimeout',
      'listener.topicsMap',
    );
  });

  it('refuses an unknown command or option', async () => {
    await using child = startService(UNCONNECTED, { args: ['rnu'] });
    expect(await child.waitForExit(EXIT_DEADLINE_MS)).toEqual({ code: 2, signal: null });
    expect(child.stderr.join('\n')).toContain('unknown command "rnu"');
  });
});

describe.each(E2E_POSTGRES_VERSIONS)('with PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let nats: NatsServer;
  beforeAll(async () => {
    [server, nats] = await Promise.all([startPostgres({ version }), startNats()]);
  });
  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  let tests = 0;
  /** A fresh database per test, and the variables of a program that reads it. */
  async function freshDatabase(sql = '') {
    const database = `db${++tests}`;
    const slot = `slot${tests}`;
    const topic = `topic${tests}`;
    await server.query(`CREATE DATABASE ${database}`);
    const client = await server.client({ database });
    if (sql !== '') await client.query(sql);
    const env: Record<string, string> = {
      ...databaseVariables(server),
      WAL_DATABASE_NAME: database,
      WAL_LISTENER_SLOT_NAME: slot,
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_ADDRESS: nats.url,
      WAL_PUBLISHER_TOPIC: topic,
    };
    return { client, slot, topic, env, [Symbol.asyncDispose]: () => client.end() };
  }
  const received = async (topic: string) => {
    const ledger = new Ledger();
    await readStream(nats.url, topic, ledger);
    return [...ledger.bodies.values()].map((body) => JSON.parse(body) as { table: string; data: { id: number } });
  };
  const streaming = (child: Child) => child.waitForLine('"msg":"streaming"', 40_000);

  it('a wrong password', async () => {
    await using db = await freshDatabase();
    await using child = startService({ ...db.env, WAL_DATABASE_PASSWORD: 'wrong' });
    const line = await expectFatal(child, 'PG_AUTH');
    expect(JSON.stringify(line)).not.toContain('wrong"');
  });

  it('a host that does not exist is named and tried again until told to stop', async () => {
    await using db = await freshDatabase();
    await using child = startService({ ...db.env, WAL_DATABASE_HOST: 'no-such-host.invalid' });
    const line = await waitFor(() => errorLine(child, 'PG_CONNECTION_LOST'), { what: 'the error', deadlineMs: 40_000 });
    expect(line.error).toContain('no-such-host.invalid');
    expect(line.remedy).not.toBe('');
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });

  it('a table without replica identity at the first start', async () => {
    await using db = await freshDatabase('CREATE TABLE "no key" (a int)');
    await using child = startService(db.env);
    const line = await expectFatal(child, 'REPLICA_IDENTITY');
    expect(line.remedy).toContain('ALTER TABLE "public"."no key" REPLICA IDENTITY FULL');
    const slots = await server.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = '${db.slot}'`);
    expect(slots).toEqual([]);
  });

  it('a slot that is not for pgoutput', async () => {
    await using db = await freshDatabase(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION "wal-listener" FOR TABLE t',
    );
    await db.client.query(`SELECT pg_create_logical_replication_slot('${db.slot}', 'test_decoding')`);
    await using child = startService(db.env);
    await expectFatal(child, 'SLOT_MISMATCH');
  });

  it('a publication dropped while running', async () => {
    await using db = await freshDatabase('CREATE TABLE t (id int PRIMARY KEY)');
    await using child = startService(db.env);
    await streaming(child);
    await db.client.query('INSERT INTO t VALUES (1)');
    await waitFor(async () => (await received(db.topic)).length === 1, { what: 'the first event', deadlineMs: 30_000 });
    await db.client.query('DROP PUBLICATION "wal-listener"; INSERT INTO t VALUES (2)');
    const line = await expectFatal(child, 'PUBLICATION_MISSING');
    expect(line.remedy).toContain('PUBLICATION');
    const [slot] = await server.query(
      `SELECT confirmed_flush_lsn < pg_current_wal_lsn() AS behind FROM pg_replication_slots WHERE slot_name = '${db.slot}'`,
    );
    expect(slot).toEqual({ behind: true });
  });

  it('a slot dropped while running, and its absence at the next start', async () => {
    await using db = await freshDatabase('CREATE TABLE t (id int PRIMARY KEY)');
    await using child = startService(db.env);
    await streaming(child);
    const drop = `SELECT pg_terminate_backend(active_pid), pg_sleep(0.05), pg_drop_replication_slot(slot_name)
      FROM pg_replication_slots WHERE slot_name = '${db.slot}'`;
    // The listener may be back before the drop: then the slot is in use, and it is tried again.
    await waitFor(
      async () => {
        await db.client.query(drop).catch(() => undefined);
        const left = await server.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = '${db.slot}'`);
        return left.length === 0;
      },
      { what: 'the slot to be dropped', deadlineMs: 30_000 },
    );
    await expectFatal(child, 'SLOT_LOST');
    await using again = startService(db.env);
    await expectFatal(again, 'SLOT_LOST');
    expect(await server.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = '${db.slot}'`)).toEqual([]);
  });

  it('a publication younger than the slot', async () => {
    await using db = await freshDatabase('CREATE TABLE t (id int PRIMARY KEY)');
    await db.client.query(`SELECT pg_create_logical_replication_slot('${db.slot}', 'pgoutput')`);
    await db.client.query('INSERT INTO t VALUES (1)');
    await db.client.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    await db.client.query('INSERT INTO t VALUES (2)');
    await using child = startService(db.env);
    await expectFatal(child, 'PUBLICATION_TOO_YOUNG');
    const [slot] = await server.query(
      `SELECT confirmed_flush_lsn < pg_current_wal_lsn() AS behind FROM pg_replication_slots WHERE slot_name = '${db.slot}'`,
    );
    expect(slot).toEqual({ behind: true });
  });

  it('variables that Kubernetes makes for services are ignored', async () => {
    await using db = await freshDatabase('CREATE TABLE t (id int PRIMARY KEY)');
    await using child = startService({
      ...db.env,
      WAL_LISTENER_SERVICE_HOST: '10.0.0.1',
      WAL_LISTENER_SERVICE_PORT: '8080',
      WAL_LISTENER_PORT: 'tcp://10.0.0.1:8080',
      WAL_LISTENER_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      WAL_LISTENER_PORT_8080_TCP_ADDR: '10.0.0.1',
      WAL_LISTENER_PORT_8080_TCP_PROTO: 'tcp',
    });
    await streaming(child);
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });

  it('a table whose name the broker forbids', async () => {
    await using db = await freshDatabase('CREATE TABLE "a.b c*>" (id int PRIMARY KEY)');
    await using child = startService(db.env);
    await streaming(child);
    await db.client.query('INSERT INTO "a.b c*>" VALUES (1)');
    await waitFor(async () => (await received(db.topic)).length === 1, { what: 'the event', deadlineMs: 30_000 });
    expect((await received(db.topic))[0]).toMatchObject({ table: 'a.b c*>', data: { id: 1 } });
  });

  it('a row larger than the broker takes halts before anything after it is confirmed', async () => {
    await using db = await freshDatabase('CREATE TABLE t (id int PRIMARY KEY, big text)');
    await using child = startService(db.env);
    await streaming(child);
    await db.client.query(`INSERT INTO t VALUES (1, 'small')`);
    await db.client.query(`INSERT INTO t VALUES (2, repeat('x', 2 * 1024 * 1024))`);
    await db.client.query(`INSERT INTO t VALUES (3, 'small')`);
    const line = await expectFatal(child, 'POISON');
    expect(line).toMatchObject({ table: 'public.t' });
    expect(JSON.stringify(line)).not.toContain('xxxx');
    expect((await received(db.topic)).map(({ data }) => data.id)).toEqual([1]);
    // Once the operator decided to pass over it, the rest follows and nothing else is missing.
    await using again = startService({ ...db.env, WAL_PUBLISHER_ON_POISON: 'skip' });
    await waitFor(async () => (await received(db.topic)).length === 2, { what: 'the third row', deadlineMs: 40_000 });
    expect((await received(db.topic)).map(({ data }) => data.id)).toEqual([1, 3]);
    await again.terminate();
  });
});

describe('a server that does not decode', () => {
  it('names wal_level and how to change it', async () => {
    await using server = await startPostgres({ version: 18, settings: { wal_level: 'replica' } });
    await using child = startService({ ...databaseVariables(server), WAL_PUBLISHER_TYPE: 'stdout' });
    const line = await expectFatal(child, 'WAL_LEVEL');
    expect(line.remedy).toContain('ALTER SYSTEM SET wal_level');
  });
});
