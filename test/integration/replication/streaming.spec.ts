import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '#lib/kernel';
import { formatLsn, parseLsn } from '#lib/pgoutput';
import { PgChangeSource } from '#lib/replication';

import { POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';
import { configFor, KeepingLogger, newDatabase, openStream, sourceFor } from './support/source.js';

describe.each(POSTGRES_VERSIONS)('streaming from PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('delivers committed rows in order and identifies the history', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    await database.query("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g");
    await database.query("INSERT INTO t VALUES (1001, 'y')");
    await waitFor(() => open.sink.rows.length === 1001, { what: '1001 rows' });
    expect(open.sink.keys).toEqual(Array.from({ length: 1001 }, (_, index) => String(index + 1)));
    const { identity, knownTables } = open.stream;
    const [system] = await database.query('SELECT system_identifier::text AS id FROM pg_control_system()');
    expect(identity.systemIdentifier).toBe(system?.['id']);
    expect(identity.publications).toEqual(['wal-listener']);
    expect(Math.trunc(identity.serverVersion / 10000)).toBe(version);
    expect(knownTables).toMatchObject([{ schema: 'public', table: 't', primaryKey: ['id'] }]);
    await open.stream.stop(5000);
    await open.stream.closed;
  });

  it('neither loses nor repeats a commit when stopped after each of a row of adjacent ones', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const config = configFor(server, database.name);
    const first = await openStream(sourceFor(config));
    await first.stream.stop(5000);
    // Commit records that follow each other without a byte between them: a position one too far would skip the next one.
    const clients = await Promise.all(Array.from({ length: 12 }, () => server.client({ database: database.name })));
    for (const [id, client] of clients.entries()) await client.query(`BEGIN; INSERT INTO t VALUES (${id})`);
    for (const client of clients) await client.query('COMMIT');
    await Promise.all(clients.map((client) => client.end()));
    const seen: (string | null)[] = [];
    for (let round = 0; round < 12; round += 1) {
      using open = await openStream(sourceFor(config), { confirms: false });
      await waitFor(() => open.sink.transactions.length > 0, { what: `commit ${round}` });
      const [transaction] = open.sink.transactions;
      seen.push(...(transaction?.rows ?? []).map(([id]) => id ?? null));
      open.stream.confirm(transaction?.endLsn ?? 0n);
      await open.stream.stop(5000);
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, id) => String(id)));
  });

  it('says 0/0 until the first confirmation, then reports within 100 ms, and takes no position it did not receive', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const config = configFor(server, database.name, { WAL_LISTENER_HEARTBEAT_INTERVAL: '4s' });
    using open = await openStream(sourceFor(config), { confirms: false });
    const position = async (): Promise<string> => {
      const sql = `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}'`;
      return String((await database.query(sql))[0]?.['lsn']);
    };
    await database.query('INSERT INTO t VALUES (1)');
    const { endLsn } = await waitFor(() => open.sink.transactions[0], { what: 'the commit' });
    // More than a heartbeat: several status messages have gone out.
    await waitFor(() => open.sink.keepalives.length > 0, { what: 'a keepalive' });
    expect(await position()).toBe(formatLsn(open.stream.confirmedAtStart));
    expect(() => open.stream.confirm(endLsn + 0x10000000n)).toThrow(RangeError);
    open.stream.confirm(endLsn);
    const before = performance.now();
    await waitFor(async () => (await position()) === formatLsn(endLsn), { what: 'the position', intervalMs: 1 });
    // Well before the next heartbeat.
    expect(performance.now() - before).toBeLessThan(2000);
    expect(() => open.stream.confirm(endLsn - 1n)).toThrow(RangeError);
  });

  it('holds back what follows a message whose sink is busy, and nothing is lost or overwritten', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    let isBusy = false;
    open.sink.onRow = ([id]) => {
      expect(isBusy).toBe(false);
      if (Number(id) % 97 !== 0) return undefined;
      isBusy = true;
      return new Promise((resolve) => {
        setTimeout(() => {
          isBusy = false;
          resolve();
        }, 2);
      });
    };
    await database.query('INSERT INTO t SELECT g, repeat(chr(65 + g % 26), g % 700) FROM generate_series(1, 5000) g');
    await waitFor(() => open.sink.rows.length === 5000, { what: '5000 rows' });
    const wrong = open.sink.rows.filter(([id, text], index) => {
      const expected = String.fromCharCode(65 + (Number(id) % 26)).repeat(Number(id) % 700);
      return Number(id) !== index + 1 || text !== expected;
    });
    expect(wrong).toEqual([]);
  });

  it('assembles rows far larger than a read', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    await database.query('INSERT INTO t SELECT g, repeat(md5(g::text), 100000) FROM generate_series(1, 5) g');
    await waitFor(() => open.sink.rows.length === 5, { what: '5 rows' });
    expect(open.sink.rows.map(([, text]) => text?.length)).toEqual([
      3_200_000, 3_200_000, 3_200_000, 3_200_000, 3_200_000,
    ]);
  });

  it('survives a pause longer than wal_sender_timeout and loses nothing', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const config = configFor(server, database.name, { WAL_LISTENER_HEARTBEAT_INTERVAL: '200ms' });
    using open = await openStream(sourceFor(config, { minWalSenderTimeoutMs: 1000 }));
    open.stream.hold('backpressure');
    // More than the sockets' buffers hold, so that the walsender itself is stuck in writing.
    await database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 30000) g");
    await new Promise((resolve) => setTimeout(resolve, 3500));
    const before = open.sink.rows.length;
    open.stream.release('backpressure');
    await waitFor(() => open.sink.rows.length === 30_000, { what: '30000 rows' });
    expect(before).toBe(0);
    expect(open.sink.keys).toEqual(Array.from({ length: 30_000 }, (_, index) => String(index + 1)));
    await open.stream.stop(5000);
    await open.stream.closed;
  });

  it('delivers keepalives inside a transaction at their place, and answers those that ask', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const config = configFor(server, database.name, { WAL_LISTENER_HEARTBEAT_INTERVAL: '1s' });
    // No heartbeat of ours: the server asks when half of its patience is over, even while it writes a transaction.
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => (ms >= 1000 ? () => undefined : systemClock.after(ms, callback)),
    };
    const source = new PgChangeSource({
      config,
      clock,
      logger: new KeepingLogger(),
      minWalSenderTimeoutMs: 3000,
    });
    using open = await openStream(source);
    const inside = () => open.sink.keepalives.filter(({ insideTransaction }) => insideTransaction).length;
    open.sink.onRow = ([id]) => (id === '100' ? new Promise((resolve) => setTimeout(resolve, 2000)) : undefined);
    await database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 30000) g");
    await waitFor(() => open.sink.rows.length === 30_000, { what: '30000 rows' });
    expect(inside()).toBeGreaterThan(0);
    // Idle for longer than the timeout: it lives because each request is answered.
    const count = open.sink.keepalives.length;
    await waitFor(() => open.sink.keepalives.length >= count + 3, { what: 'three more requests' });
    await open.stream.stop(5000);
    await open.stream.closed;
  });

  it('follows the WAL of other databases while its own is idle', async () => {
    const database = await newDatabase(server);
    const other = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    await other.query('CREATE TABLE noise (id int PRIMARY KEY)');
    const source = sourceFor(configFor(server, database.name));
    using open = await openStream(source);
    const position = async (): Promise<bigint> => {
      const sql = `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}'`;
      return parseLsn(String((await database.query(sql))[0]?.['lsn']));
    };
    await other.query('INSERT INTO noise SELECT generate_series(1, 20000)');
    const [end] = await other.query('SELECT pg_current_wal_lsn()::text AS lsn');
    await waitFor(async () => (await position()) >= parseLsn(String(end?.['lsn'])), { what: 'the slot to follow' });
    expect(open.sink.rows).toEqual([]);
    const reading = await open.stream.checkHealth(AbortSignal.timeout(5000));
    expect(reading).toEqual({
      walStatus: 'reserved',
      retainedBytes: expect.any(Number) as unknown,
      lagBytes: expect.any(Number) as unknown,
      limitBytes: undefined,
      safeBytes: undefined,
    });
    // The same over a connection of its own, with a limit.
    await server.query("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'");
    await server.query('SELECT pg_reload_conf()');
    const limited = await waitFor(
      async () => {
        const found = await source.readSlot(AbortSignal.timeout(5000));
        return found?.limitBytes === undefined ? undefined : found;
      },
      { what: 'the limit' },
    );
    expect(limited).toMatchObject({ walStatus: 'reserved', limitBytes: 64 * 1024 * 1024 });
    expect(limited.safeBytes).toBeGreaterThan(0);
    await server.query('ALTER SYSTEM RESET max_slot_wal_keep_size');
    await server.query('SELECT pg_reload_conf()');
  });

  it('keeps names apart that need quoting', async () => {
    const database = await newDatabase(server);
    await database.query(`
      CREATE SCHEMA "Odd "" schema";
      CREATE TABLE "Odd "" schema"."it's, a \\ table" ("Id" int, "é" text, PRIMARY KEY ("é", "Id"));
      CREATE TABLE hidden (id int PRIMARY KEY);
      CREATE PUBLICATION "One, ""odd"" 'pub'" FOR TABLE "Odd "" schema"."it's, a \\ table";
      CREATE PUBLICATION one FOR TABLE hidden`);
    const config = configFor(server, database.name, { WAL_LISTENER_PUBLICATION: JSON.stringify([`One, "odd" 'pub'`]) });
    using open = await openStream(sourceFor(config));
    const [known] = open.stream.knownTables;
    expect(open.stream.knownTables).toMatchObject([
      { schema: 'Odd " schema', table: "it's, a \\ table", primaryKey: ['é', 'Id'] },
    ]);
    expect(await open.stream.primaryKey(known?.oid ?? 0)).toEqual(['é', 'Id']);
    await database.query(
      `INSERT INTO hidden VALUES (1); INSERT INTO "Odd "" schema"."it's, a \\ table" VALUES (7, 'x')`,
    );
    await waitFor(() => open.sink.rows.length > 0, { what: 'the row' });
    expect(open.sink.rows).toEqual([['7', 'x']]);
    const [comment] = await database.query(
      `SELECT obj_description(oid, 'pg_publication') AS text FROM pg_publication WHERE pubname LIKE 'One%'`,
    );
    expect(comment?.['text']).toBe(`wal-listener slot=slot_${database.name}`);
  });
});
