import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { Child } from '../support/child-process.js';
import { POSTGRES_VERSIONS, startPostgres, type PostgresServer, type PostgresVersion } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';
import { blocksOf, pageOf } from './support/page.js';

const operations = pageOf('operations.md');
const migrating = pageOf('migrating-from-go.md');
const START_MS = 40_000;
const STREAMING = '"msg":"streaming"';

const used = new Set<string>();

/** The SQL block of a page that holds this text. */
function block(page: string, text: string): string {
  const [found, ...others] = blocksOf(page, 'sql').filter((sql) => sql.includes(text));
  if (found === undefined || others.length > 0) throw new Error(`not one block holds ${text}`);
  used.add(found);
  return found;
}

/** Runs a block as psql does, each statement by itself; gives the rows of the last one. */
async function run(client: pg.Client, sql: string): Promise<readonly Record<string, unknown>[]> {
  let rows: readonly Record<string, unknown>[] = [];
  for (const statement of sql.split(/;\s*$/m)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    if (statement.trim() !== '') rows = (await client.query<Record<string, unknown>>(statement)).rows;
  }
  return rows;
}

/** A database `shop` with one table, on a server of its own. */
async function startShop(version: PostgresVersion) {
  const server = await startPostgres({ version });
  await server.query('CREATE DATABASE shop');
  const admin = await server.client({ database: 'shop' });
  await admin.query('CREATE TABLE orders (id int PRIMARY KEY, item text)');
  return { server, admin };
}

/** What lets the program print the changes of `shop`. */
function shopVariables({ host, port }: PostgresServer, user: string, password: string): Record<string, string> {
  return {
    ...databaseVariables({ host, port, user, password, database: 'shop' }),
    WAL_PUBLISHER_TYPE: 'stdout',
    WAL_LISTENER_HEARTBEAT_INTERVAL: '1s',
  };
}

/** Both statements of a drain: the end of the WAL now, and whether it is confirmed. */
async function drained(client: pg.Client, sql: string): Promise<void> {
  const [first = '', second = ''] = sql.split(/;\s*$/m);
  const [end] = await run(client, first);
  const asked = second.replace(/'0\/[0-9A-F]+'/, `'${String(end?.['pg_current_wal_lsn'])}'`);
  await waitFor(async () => (await run(client, asked))[0]?.['drained'] === true, {
    what: 'the slot to be drained',
    deadlineMs: 60_000,
    intervalMs: 100,
  });
}

const eventOf = (child: Child, item: string) => child.waitForLine(`"item":"${item}"`, START_MS);

describe.each(POSTGRES_VERSIONS)('the SQL of docs/operations.md, PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let admin: pg.Client;
  let env: Record<string, string>;

  beforeAll(async () => {
    ({ server, admin } = await startShop(version));
    env = shopVariables(server, 'wal', 'secret');
  });
  afterAll(async () => {
    await admin.end();
    await server[Symbol.asyncDispose]();
  });

  it('grants what streaming needs and no more, and the rest works while it streams', async () => {
    await run(admin, block(operations, 'CREATE ROLE wal'));
    const [role] = await run(
      admin,
      `SELECT rolsuper, rolcreatedb, has_table_privilege('wal', 'orders', 'SELECT') AS reads FROM pg_roles WHERE rolname = 'wal'`,
    );
    expect(role).toEqual({ rolsuper: false, rolcreatedb: false, reads: false });
    const never = { WAL_LISTENER_CREATE_SLOT: 'never' };
    expect(blocksOf(operations, 'sh')).toContain('WAL_LISTENER_CREATE_SLOT=never\n');

    await using check = startService({ ...env, ...never }, { args: ['check', '--json'] });
    expect(await check.waitForExit(START_MS)).toEqual({ code: 0, signal: null });
    expect(JSON.parse(check.stdout.join('\n'))).toMatchObject({ ok: true, findings: [] });

    await admin.query(`INSERT INTO orders VALUES (1, 'before the start')`);
    await using child = startService({ ...env, ...never });
    await eventOf(child, 'before the start');
    await drained(admin, block(operations, 'confirmed_flush_lsn, confirmed_flush_lsn >='));

    const [slot] = await run(admin, block(operations, 'AS retained'));
    expect(slot).toMatchObject({ slot_name: 'wal_listener', active: true, wal_status: 'reserved' });
    expect(await run(admin, block(operations, 'FROM pg_stat_replication'))).toHaveLength(1);
    const [rate] = await run(admin, block(operations, 'AS wal_rate'));
    expect(rate?.['wal_rate']).toMatch(/^\d+ \w+\/s$/);
    await run(admin, block(operations, 'FROM pg_prepared_xacts'));
    await run(admin, block(operations, `'150GB'`));
    await run(admin, block(operations, `'300GB'`));
    const limit = async () => (await run(admin, 'SHOW max_slot_wal_keep_size'))[0]?.['max_slot_wal_keep_size'];
    await waitFor(async () => (await limit()) === '300GB', { what: 'the new limit' });

    const streams = () => child.stderr.filter((line) => line.includes(STREAMING)).length;
    await run(admin, block(operations, 'pg_terminate_backend'));
    await waitFor(() => streams() === 2, { what: () => `a new stream${child.lastOutput()}`, deadlineMs: START_MS });
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });

  it('lets a service start anew after a major upgrade, and says that a lost slot is lost before', async () => {
    const upgrade = block(operations, 'COMMENT ON PUBLICATION "wal-listener" IS NULL');
    await run(admin, upgrade.split(';')[0] ?? '');
    await using lost = startService(env);
    expect(await lost.waitForExit(START_MS)).toEqual({ code: 1, signal: null });
    await lost.waitForLine('SLOT_LOST');

    await run(admin, upgrade.slice(upgrade.indexOf(';') + 1));
    await using child = startService(env);
    await child.waitForLine(STREAMING, START_MS);
    await admin.query(`INSERT INTO orders VALUES (2, 'after the upgrade')`);
    await eventOf(child, 'after the upgrade');
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });

  it('makes the slot anew by hand, and takes everything away at last', async () => {
    await run(admin, block(operations, 'pg_drop_replication_slot(slot_name)'));
    await using child = startService({ ...env, WAL_LISTENER_CREATE_SLOT: 'never' });
    await child.waitForLine(STREAMING, START_MS);
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
    await run(admin, block(operations, 'DROP ROLE wal'));
    expect(await run(admin, `SELECT 1 FROM pg_roles WHERE rolname = 'wal'`)).toEqual([]);
    expect(await run(admin, `SELECT 1 FROM pg_replication_slots WHERE slot_name = 'wal_listener'`)).toEqual([]);
  });
});

describe('the failover slots of docs/operations.md', () => {
  it('are made on a server that has them', async () => {
    const { server, admin } = await startShop(18);
    await using _server = server;
    await admin.query(`SELECT pg_create_logical_replication_slot('wal_listener', 'pgoutput')`);
    const command = blocksOf(operations, 'text').find((text) => text.includes('ALTER_REPLICATION_SLOT')) ?? '';
    const replication = { replication: 'database' };
    const walsender = await server.client({ database: 'shop', ...replication });
    await walsender.query(command.trim());
    await walsender.end();
    await run(admin, block(operations, 'synchronized_standby_slots'));
    const [row] = await run(admin, `SELECT failover FROM pg_replication_slots WHERE slot_name = 'wal_listener'`);
    expect(row).toEqual({ failover: true });
    // Only a standby's copy of the slot is ready.
    expect(await run(admin, block(operations, 'AS ready'))).toEqual([{ ready: false }]);
    await admin.end();
  });
});

describe('the change-over of docs/migrating-from-go.md', () => {
  it('goes on with the slot and publication of the Go services, and leaves only its mark', async () => {
    const { server, admin } = await startShop(18);
    await using _server = server;
    // As a Go service makes them.
    await admin.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    await admin.query(`SELECT pg_create_logical_replication_slot('orders_slot', 'pgoutput')`);
    await admin.query(`INSERT INTO orders VALUES (1, 'while none was there')`);
    const env = { ...shopVariables(server, server.user, server.password), WAL_LISTENER_SLOT_NAME: 'orders_slot' };
    await using child = startService(env);
    await eventOf(child, 'while none was there');
    await drained(admin, block(migrating, 'AS drained'));
    const [slot] = await run(admin, block(migrating, 'active_pid'));
    expect(slot).toMatchObject({ active: true });
    const comment = `SELECT obj_description(oid, 'pg_publication') AS mark FROM pg_publication`;
    const marks = await run(admin, comment);
    await run(admin, block(migrating, 'COMMENT ON PUBLICATION'));
    expect(await run(admin, comment)).toEqual(marks);

    // A second process waits, and takes over when the first one ends.
    await using second = startService(env);
    await second.waitForLine('"msg":"standby', START_MS);
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
    await second.waitForLine(STREAMING, START_MS);
    await admin.query(`INSERT INTO orders VALUES (2, 'to the second')`);
    await eventOf(second, 'to the second');
    expect(await second.terminate()).toEqual({ code: 0, signal: null });
    expect((await run(admin, block(migrating, 'active_pid')))[0]).toMatchObject({ active: false });
    await admin.end();
  });
});

describe('the SQL blocks of both pages', () => {
  it('were all run above', () => {
    const blocks = [...blocksOf(operations, 'sql'), ...blocksOf(migrating, 'sql')];
    expect(blocks.length).toBeGreaterThan(10);
    expect(blocks.filter((sql) => !used.has(sql))).toEqual([]);
  });
});
