import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';
import {
  configFor,
  KeepingLogger,
  newDatabase,
  openStream,
  rejection,
  sourceFor,
  type Variables,
} from './support/source.js';

const soon = (): AbortSignal => AbortSignal.timeout(15_000);

describe.each(POSTGRES_VERSIONS)('slot and publication, PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  type Database = Awaited<ReturnType<typeof newDatabase>>;
  const sourceOf = (database: Database, variables: Variables = {}, logger = new KeepingLogger()) =>
    sourceFor(configFor(server, database.name, variables), { logger });
  const openError = (database: Database, variables: Variables = {}) =>
    rejection(sourceOf(database, variables).open(soon()));
  /** Opens and stops once, as a service that ran before. */
  const runOnce = async (database: Database, variables: Variables = {}): Promise<void> => {
    const open = await openStream(sourceOf(database, variables));
    await open.stream.stop(5000);
  };
  const drop = (database: Database): Promise<unknown> =>
    database.query(`SELECT pg_drop_replication_slot('slot_${database.name}')`);
  const comment = async (database: Database, publication = 'wal-listener'): Promise<unknown> => {
    const sql = `SELECT obj_description(oid, 'pg_publication') AS text FROM pg_publication WHERE pubname = '${publication}'`;
    return (await database.query(sql))[0]?.['text'];
  };
  const exists = async (database: Database): Promise<{ slot: boolean; publication: boolean }> => {
    const [row] = await database.query(`
      SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}') AS slot,
        EXISTS (SELECT FROM pg_publication WHERE pubname = 'wal-listener') AS publication`);
    return { slot: row?.['slot'] === true, publication: row?.['publication'] === true };
  };

  it('makes both on the first start and leaves a mark', async () => {
    const database = await newDatabase(server);
    await runOnce(database);
    expect(await exists(database)).toEqual({ slot: true, publication: true });
    expect(await comment(database)).toBe(`wal-listener slot=slot_${database.name}`);
    // Nothing to be made the second time.
    const logger = new KeepingLogger();
    const open = await openStream(sourceOf(database, {}, logger));
    await open.stream.stop(5000);
    expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('makes nothing while a table has no replica identity, and says what mends it', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE fit (id int PRIMARY KEY); CREATE TABLE "no Key" (v text)');
    const error = await openError(database);
    expect(error.code).toBe('REPLICA_IDENTITY');
    expect(error.remedy).toContain('ALTER TABLE "public"."no Key" REPLICA IDENTITY FULL;');
    expect(error.remedy).toContain('CREATE PUBLICATION "wal-listener" FOR TABLE "public"."fit";');
    expect(await exists(database)).toEqual({ slot: false, publication: false });
    const [statement] = /CREATE PUBLICATION .*?;/.exec(error.remedy) ?? [];
    await database.query(statement ?? '');
    await runOnce(database);
    expect(await exists(database)).toEqual({ slot: true, publication: true });
  });

  it('makes the publication all the same when that is allowed', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE bare (v text)');
    const logger = new KeepingLogger();
    const variables = { WAL_LISTENER_ALLOW_MISSING_REPLICA_IDENTITY: 'true' };
    const open = await openStream(sourceOf(database, variables, logger));
    await open.stream.stop(5000);
    expect(logger.warnings).toEqual([expect.stringContaining('"public"."bare"')]);
  });

  it('keeps the marks of several slots and the text of the comment', async () => {
    const database = await newDatabase(server);
    await database.query(
      `CREATE PUBLICATION "wal-listener" FOR ALL TABLES; COMMENT ON PUBLICATION "wal-listener" IS 'for the shop'`,
    );
    await runOnce(database);
    await runOnce(database, { WAL_LISTENER_SLOT_NAME: `second_${database.name}` });
    expect(await comment(database)).toBe(
      `for the shop wal-listener slot=slot_${database.name} wal-listener slot=second_${database.name}`,
    );
    await drop(database);
    expect((await openError(database)).code).toBe('SLOT_LOST');
    await runOnce(database, { WAL_LISTENER_SLOT_NAME: `second_${database.name}` });
  });

  it('never makes a lost slot anew unless told to; the remedy starts afresh', async () => {
    const database = await newDatabase(server);
    await runOnce(database);
    await drop(database);
    const error = await openError(database);
    expect(error).toMatchObject({ code: 'SLOT_LOST', retriable: false });
    expect((await exists(database)).slot).toBe(false);
    const logger = new KeepingLogger();
    const open = await openStream(sourceOf(database, { WAL_LISTENER_ON_SLOT_LOST: 'recreate' }, logger));
    await open.stream.stop(5000);
    expect(logger.warnings).toEqual([
      expect.stringMatching(/made anew: changes from .* to [0-9A-F]+\/[0-9A-F]+ are gone/),
    ]);
    await drop(database);
    const [statement] = /COMMENT ON .*?;/.exec((await openError(database)).remedy) ?? [];
    await database.query(statement ?? '');
    await runOnce(database);
  });

  it('makes no slot when told never to', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    const variables = { WAL_LISTENER_CREATE_SLOT: 'never' };
    const error = await openError(database, variables);
    expect(error.code).toBe('SLOT_MISSING');
    expect((await exists(database)).slot).toBe(false);
    await database.query(error.remedy.replace(/;.*/s, ''));
    await runOnce(database, variables);
  });

  it('halts on a slot without publication', async () => {
    const database = await newDatabase(server);
    await database.query(`SELECT pg_create_logical_replication_slot('slot_${database.name}', 'pgoutput')`);
    expect((await openError(database)).code).toBe('PUBLICATION_MISSING');
    expect((await exists(database)).publication).toBe(false);
  });

  it('halts on a publication that is younger than what must be decoded, and confirms nothing after that place', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    await database.query(`SELECT pg_create_logical_replication_slot('slot_${database.name}', 'pgoutput')`);
    await database.query('INSERT INTO t VALUES (1)');
    await database.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    await database.query('INSERT INTO t VALUES (2)');
    const open = await openStream(sourceOf(database));
    const error = await rejection(open.stream.closed);
    expect(error).toMatchObject({ code: 'PUBLICATION_TOO_YOUNG', retriable: false });
    expect(open.sink.rows).toEqual([]);
    const [row] = await database.query(
      `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}'`,
    );
    // A second try ends at the same place: nothing was passed over.
    const again = await openStream(sourceOf(database));
    expect((await rejection(again.stream.closed)).code).toBe('PUBLICATION_TOO_YOUNG');
    expect(row?.['lsn']).toBeDefined();
    expect(again.sink.rows).toEqual([]);
  });

  it('halts when the publication is dropped while running, after all that was published before', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    using open = await openStream(sourceOf(database));
    await database.query('INSERT INTO t VALUES (1)');
    await waitFor(() => open.sink.rows.length === 1, { what: 'row 1' });
    await database.query('DROP PUBLICATION "wal-listener"');
    await database.query('INSERT INTO t VALUES (2)');
    expect(await rejection(open.stream.closed)).toMatchObject({ code: 'PUBLICATION_MISSING' });
    expect(open.sink.keys).toEqual(['1']);
    await waitFor(async () => (await openError(database)).code === 'PUBLICATION_MISSING', { what: 'the same' });
  });

  it('sees a dropped publication in the health check before anything is written', async () => {
    const database = await newDatabase(server);
    using open = await openStream(sourceOf(database));
    await database.query('DROP PUBLICATION "wal-listener"');
    const closed = rejection(open.stream.closed);
    expect(await rejection(open.stream.checkHealth(soon()))).toMatchObject({ code: 'PUBLICATION_MISSING' });
    expect(await closed).toMatchObject({ code: 'PUBLICATION_MISSING' });
  });

  it('names a slot that was taken away while running', async () => {
    const database = await newDatabase(server);
    using open = await openStream(sourceOf(database));
    const closed = rejection(open.stream.closed);
    const slot = `slot_${database.name}`;
    const client = await server.client({ database: database.name });
    try {
      await client.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}'`,
      );
      await waitFor(() => client.query(`SELECT pg_drop_replication_slot('${slot}')`), { what: 'the drop' });
    } finally {
      await client.end();
    }
    expect(['SLOT_LOST', 'PG_CONNECTION_LOST']).toContain((await closed).code);
    expect((await openError(database)).code).toBe('SLOT_LOST');
  });

  it('refuses slots that are not ours', async () => {
    const database = await newDatabase(server);
    const other = await newDatabase(server);
    await database.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    const slot = `slot_${database.name}`;
    await database.query(`SELECT pg_create_physical_replication_slot('${slot}')`);
    expect(await openError(database)).toMatchObject({
      code: 'SLOT_MISMATCH',
      message: expect.stringContaining('physical') as unknown,
    });
    await drop(database);
    await database
      .query(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`)
      .catch(() => undefined);
    if ((await exists(database)).slot) {
      expect(await openError(database)).toMatchObject({ code: 'SLOT_MISMATCH' });
      await drop(database);
    }
    await other.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    expect(await openError(database)).toMatchObject({
      code: 'SLOT_MISMATCH',
      message: expect.stringContaining(other.name) as unknown,
    });
    await other.query(`SELECT pg_drop_replication_slot('${slot}')`);
  });

  it('begins when a published table is locked, or says so where the server does not tell its tables until then', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION "wal-listener" FOR TABLE t');
    (await openStream(sourceOf(database))).stream.destroy();
    const locker = await server.client({ database: database.name });
    try {
      await locker.query('BEGIN; ALTER TABLE t ADD COLUMN v text');
      const locked = async () => {
        const open = await openStream(sourceOf(database));
        await open.stream.stop(5000);
        return 'streams';
      };
      const outcome = await locked().catch((error: unknown) => error);
      if (version < 16) expect(outcome).toBe('streams');
      else expect(outcome).toMatchObject({ code: 'PG_TABLE_LOCKED', retriable: true });
    } finally {
      await locker.end();
    }
    (await openStream(sourceOf(database))).stream.destroy();
    await drop(database);
  });

  it('warns of partitions that send less of an old row than the table they are published as', async () => {
    const database = await newDatabase(server);
    await database.query(`CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE "m A" PARTITION OF m FOR VALUES FROM (0) TO (10);
      CREATE TABLE m_b PARTITION OF m FOR VALUES FROM (10) TO (20);
      ALTER TABLE m REPLICA IDENTITY FULL; ALTER TABLE m_b REPLICA IDENTITY FULL;
      CREATE PUBLICATION "wal-listener" FOR TABLE m WITH (publish_via_partition_root)`);
    const warnings = async () => {
      const logger = new KeepingLogger();
      const open = await openStream(sourceOf(database, {}, logger));
      await open.stream.stop(5000);
      return logger.warnings;
    };
    expect(await warnings()).toEqual([
      expect.stringMatching(/"public"\."m" .*its partitions "public"\."m A" have not/),
    ]);
    await database.query('ALTER TABLE "m A" REPLICA IDENTITY FULL');
    expect(await warnings()).toEqual([]);
    await drop(database);
  });

  it('warns a user who does not own the publication', async () => {
    const database = await newDatabase(server);
    const role = `plain_${database.name}`;
    await database.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'pw'`);
    const variables = { WAL_DATABASE_USER: role, WAL_DATABASE_PASSWORD: 'pw' };
    const first = await openError(database, variables);
    expect(first).toMatchObject({ code: 'PG_PRIVILEGE' });
    expect(first.remedy).toContain('CREATE PUBLICATION "wal-listener" FOR ALL TABLES;');
    await database.query('CREATE PUBLICATION "wal-listener" FOR ALL TABLES');
    const logger = new KeepingLogger();
    const open = await openStream(sourceOf(database, variables, logger));
    await open.stream.checkHealth(soon());
    await open.stream.stop(5000);
    expect(logger.warnings).toEqual([expect.stringContaining('belongs to postgres')]);
    expect(await comment(database)).toBeNull();
  });

  it('halts on a slot whose WAL was removed, and goes on anew only when told to', async () => {
    await using own = await startPostgres({
      version,
      settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB', wal_keep_size: '0' },
    });
    const database = await newDatabase(own);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const source = (variables: Variables = {}, logger = new KeepingLogger()) =>
      sourceFor(configFor(own, database.name, variables), { logger });
    const first = await openStream(source());
    await first.stream.stop(5000);
    await waitFor(
      async () => {
        await database.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g; TRUNCATE t");
        await database.query('SELECT pg_switch_wal(); CHECKPOINT');
        const [row] = await database.query('SELECT wal_status FROM pg_replication_slots');
        return row?.['wal_status'] === 'lost';
      },
      { what: 'the slot to be invalidated', deadlineMs: 30_000 },
    );
    expect(await rejection(source().open(soon()))).toMatchObject({ code: 'SLOT_LOST' });
    const logger = new KeepingLogger();
    const open = await openStream(source({ WAL_LISTENER_ON_SLOT_LOST: 'recreate' }, logger));
    expect(logger.warnings.some((text) => /are gone/.test(text))).toBe(true);
    await database.query("INSERT INTO t VALUES (1, 'x')");
    await waitFor(() => open.sink.rows.length === 1, { what: 'row 1' });
    await open.stream.stop(5000);
  });
});

describe('slots of newer servers', () => {
  it('are made for failover where that is asked for', async () => {
    await using server = await startPostgres({ version: 18 });
    const database = await newDatabase(server);
    const source = sourceFor(configFor(server, database.name, { WAL_LISTENER_FAILOVER_SLOT: 'true' }));
    const open = await openStream(source);
    await open.stream.stop(5000);
    const sql = `SELECT failover FROM pg_replication_slots WHERE slot_name = 'slot_${database.name}'`;
    expect(await database.query(sql)).toEqual([{ failover: true }]);
  });

  it('wait for running transactions however long those take', async () => {
    await using server = await startPostgres({ version: 18 });
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const blocker = await server.client({ database: database.name });
    await blocker.query('BEGIN; INSERT INTO t VALUES (1)');
    const opening = openStream(sourceFor(configFor(server, database.name)));
    // Longer than any other statement waits for a lock.
    await Promise.race([opening, delay(12_000)]);
    await blocker.query('COMMIT');
    const { stream } = await opening;
    expect(stream.confirmedAtStart).toBeGreaterThan(0n);
    stream.destroy();
    await blocker.end();
  });

  it('leave out what another origin wrote', async () => {
    await using server = await startPostgres({ version: 18 });
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const variables = { WAL_LISTENER_DROP_FOREIGN_ORIGIN: 'true' };
    using open = await openStream(sourceFor(configFor(server, database.name, variables)));
    await database.query(`
      SELECT pg_replication_origin_create('elsewhere');
      SELECT pg_replication_origin_session_setup('elsewhere');
      INSERT INTO t VALUES (1)`);
    await database.query('INSERT INTO t VALUES (2)');
    await waitFor(() => open.sink.keys.includes('2'), { what: 'row 2' });
    expect(open.sink.keys).toEqual(['2']);
  });
});
