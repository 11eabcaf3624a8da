import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

let server: PostgresServer;
let nats: NatsServer;
let env: Record<string, string>;

beforeAll(async () => {
  [server, nats] = await Promise.all([startPostgres({ version: 18 }), startNats()]);
  await server.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
  env = {
    ...databaseVariables(server),
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: nats.url,
    WAL_PUBLISHER_TOPIC: 'shop',
  };
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function streams(): Promise<number> {
  const client = await nats.client();
  const manager = await client.jetstreamManager();
  const list = await manager.streams.list().next();
  await client.close();
  return list.length;
}

describe('wal-listener check', () => {
  it('says that all is well, and changes nothing', async () => {
    await using child = startService(env, { args: ['check'] });
    expect(await child.waitForExit(60_000)).toEqual({ code: 0, signal: null });
    expect(child.stdout.at(-1)).toBe('Ready to stream.');
    const text = child.stdout.join('\n');
    expect(text).toMatch(/^database +PostgreSQL 18\.\d+ at /m);
    expect(text).toMatch(/^slot +wal_listener: does not exist; the start of the service makes it$/m);
    expect(text).toMatch(/^broker +nats at \S+, topic shop: answered$/m);
    expect(await server.query('SELECT 1 FROM pg_replication_slots')).toEqual([]);
    expect(await server.query('SELECT 1 FROM pg_publication')).toEqual([]);
    expect(await streams()).toBe(0);
  });

  it('lists what is wrong on both sides, with the SQL that mends it', async () => {
    await server.query('CREATE TABLE nokey (id int)');
    const wrong = {
      ...env,
      WAL_PUBLISHER_ADDRESS: `nats://127.0.0.1:${await freePort()}`,
      WAL_LISTENER_EXCLUDE_TABLES: 'nokeys',
    };
    await using child = startService(wrong, { args: ['check', '--json'] });
    expect(await child.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    const report = JSON.parse(child.stdout.join('\n')) as { ok: boolean; findings: { code: string; remedy: string }[] };
    expect(report.ok).toBe(false);
    expect(report.findings).toContainEqual(expect.objectContaining({ part: 'broker', code: 'BROKER_UNREACHABLE' }));
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        severity: 'warning',
        message: 'listener.exclude.tables: there is no published table nokeys',
      }),
    );
    const identity = report.findings.find(({ code }) => code === 'REPLICA_IDENTITY');
    expect(identity?.remedy).toContain('ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL');

    await using table = startService(wrong, { args: ['check'] });
    expect(await table.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    expect(table.stdout).toContain('  ALTER TABLE "public"."nokey" REPLICA IDENTITY FULL;');
    expect(table.stdout.join('\n')).toMatch(/^error +broker +BROKER_UNREACHABLE +NATS server/m);
    expect(table.stdout.join('\n')).not.toMatch(/\p{Cc}(?<!\n)/u);
    expect(table.stdout.at(-1)).toBe('Not ready to stream.');
    await server.query('DROP TABLE nokey');
  });
});

describe('an idle database on a busy server', () => {
  it('does not retain WAL: the slot follows what other databases write', async () => {
    const heartbeatMs = 1000;
    await server.query('CREATE DATABASE busy');
    await using child = startService({ ...env, WAL_LISTENER_HEARTBEAT_INTERVAL: `${heartbeatMs}ms` });
    await child.waitForLine('"msg":"streaming"', 40_000);
    const busy = await server.client({ database: 'busy' });
    await busy.query('CREATE TABLE t AS SELECT g FROM generate_series(1, 50000) g');
    const [end] = (await busy.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn')).rows;
    await busy.end();
    const followed = await waitFor(
      async () => {
        const [slot] = await server.query(
          `SELECT confirmed_flush_lsn >= '${end.lsn}' AS done FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
        );
        return slot?.['done'] === true;
      },
      // The promise is two heartbeats.
      { what: 'the slot to follow', deadlineMs: 4 * 2 * heartbeatMs },
    );
    expect(followed).toBe(true);
  });
});
