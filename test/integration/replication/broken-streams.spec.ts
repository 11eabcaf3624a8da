import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../../support/postgres.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { configFor, newDatabase, openStream, rejection, sourceFor } from './support/source.js';

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

describe.each(POSTGRES_VERSIONS)('a stream that breaks, PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    process.on('unhandledRejection', onUnhandled);
    server = await startPostgres({ version });
  });
  afterAll(async () => {
    process.off('unhandledRejection', onUnhandled);
    await server[Symbol.asyncDispose]();
  });

  const terminate = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL`;

  it('says so when its walsender is terminated, and the next one goes on', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const source = sourceFor(configFor(server, database.name));
    using first = await openStream(source);
    await database.query('INSERT INTO t VALUES (1)');
    await waitFor(() => first.sink.rows.length === 1, { what: 'row 1' });
    await database.query(terminate);
    const error = await rejection(first.stream.closed);
    expect(error).toMatchObject({ code: 'PG_CONNECTION_LOST', facts: { sqlstate: '57P01' } });
    await database.query('INSERT INTO t VALUES (2)');
    using second = await openStream(source);
    await waitFor(() => second.sink.keys.includes('2'), { what: 'row 2' });
  });

  it('names a slot that another one streams from', async () => {
    const database = await newDatabase(server);
    const source = sourceFor(configFor(server, database.name));
    using open = await openStream(source);
    const error = await rejection(source.open(AbortSignal.timeout(10_000)));
    expect(error).toMatchObject({ code: 'SLOT_IN_USE', retriable: true, facts: { sqlstate: '55006' } });
    await open.stream.checkHealth(AbortSignal.timeout(5000));
  });

  it('says so when the connection is reset', async () => {
    const database = await newDatabase(server);
    await using proxy = await TcpProxy.start(server.port);
    const config = configFor(server, database.name, { WAL_DATABASE_PORT: String(proxy.port) });
    using open = await openStream(sourceFor(config));
    proxy.cut();
    expect(await rejection(open.stream.closed)).toMatchObject({ code: 'PG_CONNECTION_LOST' });
  });

  it('notices a server that falls silent, but does not blame it for a pause of ours', async () => {
    const database = await newDatabase(server);
    await using proxy = await TcpProxy.start(server.port);
    const config = configFor(server, database.name, {
      WAL_DATABASE_PORT: String(proxy.port),
      WAL_LISTENER_HEARTBEAT_INTERVAL: '300ms',
    });
    using open = await openStream(sourceFor(config, { minWalSenderTimeoutMs: 1000 }));
    let isClosed = false;
    open.stream.closed.catch(() => (isClosed = true));
    // Idle, yet heard every heartbeat: the server is asked for it.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(open.stream.silentForMs()).toBeLessThan(2000);
    open.stream.hold('backpressure');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(isClosed).toBe(false);
    await open.stream.checkHealth(AbortSignal.timeout(5000));
    expect(open.stream.silentForMs()).toBeLessThan(2000);
    open.stream.release('backpressure');
    proxy.stall();
    const error = await rejection(open.stream.closed);
    expect(error).toMatchObject({ code: 'PG_CONNECTION_LOST', message: expect.stringMatching(/silent/) as unknown });
  });

  it('makes the control connection anew when that one breaks', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    const [known] = open.stream.knownTables;
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'wal-listener' AND backend_type = 'client backend' AND datname = current_database()`,
    );
    const key = () => open.stream.primaryKey(known?.oid ?? 0);
    expect(await waitFor(key, { what: 'the catalog' })).toEqual(['id']);
    await open.stream.checkHealth(AbortSignal.timeout(5000));
  });

  it('ends with what the sink threw', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    open.sink.onRow = () => {
      throw new TypeError('a defect');
    };
    await database.query('INSERT INTO t VALUES (1)');
    expect(await rejection(open.stream.closed)).toMatchObject({ code: 'INTERNAL', message: 'a defect' });
  });

  it('ends with what the sink rejected with', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    open.sink.onRow = () => Promise.reject(new Error('refused'));
    await database.query('INSERT INTO t VALUES (1)');
    expect(await rejection(open.stream.closed)).toMatchObject({ message: 'refused' });
  });

  it('stops in the middle of a large transaction within its deadline', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const source = sourceFor(configFor(server, database.name));
    using open = await openStream(source);
    // More than the sockets' buffers hold, and less than the server would spill to its disk.
    const inserted = database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 40000) g");
    await waitFor(() => open.sink.types.length > 1000, { what: 'the transaction to begin', deadlineMs: 60_000 });
    open.stream.hold('stopping');
    const before = performance.now();
    await open.stream.stop(3000);
    expect(performance.now() - before).toBeLessThan(12_000);
    await open.stream.closed;
    await inserted;
    // The slot is free again soon, and the transaction comes whole.
    const again = await waitFor(() => openStream(source), { what: 'the slot to be free', deadlineMs: 30_000 });
    const rows = () => again.sink.rows.length;
    await waitFor(() => rows() === 40_000, { what: () => `all rows, not ${String(rows())}`, deadlineMs: 60_000 });
    await again.stream.stop(3000);
  }, 180_000);

  it('gives up opening when told to', async () => {
    const database = await newDatabase(server);
    await using proxy = await TcpProxy.start(server.port);
    proxy.stall();
    const config = configFor(server, database.name, { WAL_DATABASE_PORT: String(proxy.port) });
    const before = performance.now();
    await rejection(sourceFor(config).open(AbortSignal.timeout(300)));
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('cancels making a slot that waits for a transaction', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const blocker = await server.client({ database: database.name });
    try {
      await blocker.query('BEGIN; INSERT INTO t VALUES (1)');
      const source = sourceFor(configFor(server, database.name));
      await rejection(source.open(AbortSignal.timeout(500)));
      const slots = `SELECT count(*)::int AS n FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}'`;
      await waitFor(async () => (await database.query(slots))[0]?.['n'] === 0, { what: 'no slot' });
      await blocker.query('COMMIT');
      using open = await openStream(source);
      await database.query('INSERT INTO t VALUES (2)');
      await waitFor(() => open.sink.rows.length > 0, { what: 'row 2' });
      expect(open.sink.keys).toEqual(['2']);
    } finally {
      await blocker.end();
    }
  });

  it('says so when the server shuts down, which does not wait for it', async () => {
    await using own = await startPostgres({ version });
    const database = await newDatabase(own);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const source = sourceFor(configFor(own, database.name));
    using open = await openStream(source);
    await database.query('INSERT INTO t VALUES (1)');
    await waitFor(() => open.sink.rows.length === 1, { what: 'row 1' });
    const closed = rejection(open.stream.closed);
    await own.stop('fast', 10_000);
    expect(await closed).toMatchObject({ code: 'PG_CONNECTION_LOST' });
    expect(await rejection(source.open(AbortSignal.timeout(5000)))).toMatchObject({ code: 'PG_CONNECTION_LOST' });
  });

  it.each([
    ['a wrong password', { WAL_DATABASE_PASSWORD: 'wrong' }, 'PG_AUTH'],
    ['an empty password', { WAL_DATABASE_PASSWORD: '' }, 'PG_AUTH'],
    ['a missing database', { WAL_DATABASE_NAME: 'nowhere' }, 'PG_DATABASE_MISSING'],
    ['a missing user', { WAL_DATABASE_USER: 'nobody' }, 'PG_AUTH'],
    ['a closed port', { WAL_DATABASE_PORT: '1' }, 'PG_CONNECTION_LOST'],
    ['a host without address', { WAL_DATABASE_HOST: 'no-such-host.invalid' }, 'PG_CONNECTION_LOST'],
    ['TLS that the server does not speak', { WAL_DATABASE_ENABLE_TLS: 'true' }, 'PG_TLS'],
  ])('names %s', async (_, variables, code) => {
    const source = sourceFor(configFor(server, 'postgres', variables));
    expect(await rejection(source.open(AbortSignal.timeout(10_000)))).toMatchObject({ code });
  });

  it('refuses a session that does not keep its settings, as behind a pooler', async () => {
    const database = await newDatabase(server);
    await using proxy = await TcpProxy.start(server.port);
    proxy.filterRequests((bytes) =>
      Buffer.from(bytes.toString('latin1').replace('TimeZone=UTC', 'TimeZone=CET'), 'latin1'),
    );
    const config = configFor(server, database.name, { WAL_DATABASE_PORT: String(proxy.port) });
    const error = await rejection(sourceFor(config).open(AbortSignal.timeout(10_000)));
    expect(error).toMatchObject({ code: 'PG_SESSION_SETTING', message: expect.stringContaining("'CET'") as unknown });
  });

  it('keeps its settings whatever the role says', async () => {
    const database = await newDatabase(server);
    await database.query(`
      CREATE TABLE t (id int PRIMARY KEY, at timestamptz, amount interval);
      CREATE ROLE "r_${database.name}" SUPERUSER LOGIN PASSWORD 'pw';
      ALTER ROLE "r_${database.name}" SET TimeZone = 'Asia/Tokyo';
      ALTER ROLE "r_${database.name}" SET DateStyle = 'German';
      ALTER ROLE "r_${database.name}" SET IntervalStyle = 'iso_8601';
      ALTER ROLE "r_${database.name}" SET standard_conforming_strings = off`);
    const config = configFor(server, database.name, {
      WAL_DATABASE_USER: `r_${database.name}`,
      WAL_DATABASE_PASSWORD: 'pw',
    });
    using open = await openStream(sourceFor(config));
    await database.query("INSERT INTO t VALUES (1, '2026-01-02 03:04:05+00', '1 day')");
    await waitFor(() => open.sink.rows.length === 1, { what: 'the row' });
    expect(open.sink.rows).toEqual([['1', '2026-01-02 03:04:05+00', '1 day']]);
  });

  it('has left no rejection unhandled in all of the above', () => {
    expect(unhandled).toEqual([]);
  });
});
