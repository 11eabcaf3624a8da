import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AppError, silentLogger } from '#lib/kernel';
import { runPreflight, type Finding } from '#lib/replication';

import { createTestCa } from '../../support/certificates.js';
import { freePort } from '../../support/free-port.js';
import { startPostgres, type PostgresServer } from '../../support/postgres.js';
import { configFor, newDatabase, openStream, rejection, sourceFor, type Variables } from './support/source.js';

const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const preflight = async (
  server: PostgresServer,
  database: string,
  variables: Variables = {},
): Promise<readonly Finding[]> =>
  (await runPreflight(configFor(server, database, variables), silentLogger, soon())).findings;
const codes = (findings: readonly Finding[]): string[] => findings.map(({ severity, code }) => `${severity} ${code}`);

describe('preflight', () => {
  it('finds nothing on a server that is ready, and changes nothing', async () => {
    await using server = await startPostgres({ version: 18 });
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    expect(await preflight(server, database.name)).toEqual([]);
    expect(await database.query('SELECT 1 FROM pg_publication UNION ALL SELECT 1 FROM pg_replication_slots')).toEqual(
      [],
    );
  });

  it('lists everything that is wrong at once, with the SQL that mends it', async () => {
    await using server = await startPostgres({
      version: 15,
      settings: {
        wal_level: 'replica',
        max_replication_slots: '1',
        synchronous_standby_names: '*',
        synchronous_commit: 'local',
      },
    });
    await server.query("CREATE DATABASE plain ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    const client = await server.client({ database: 'plain' });
    try {
      await client.query(`
        CREATE TABLE bare (v text);
        CREATE TABLE keyed (id int PRIMARY KEY, tenant int);
        CREATE ROLE listener LOGIN PASSWORD 'pw'`);
      await client.query("SELECT pg_create_physical_replication_slot('taken')");
    } finally {
      await client.end();
    }
    const variables = {
      WAL_DATABASE_USER: 'listener',
      WAL_DATABASE_PASSWORD: 'pw',
      WAL_PUBLISHER_MESSAGE_KEY_FROM: 'tenant',
    };
    const findings = await preflight(server, 'plain', variables);
    expect(codes(findings)).toEqual([
      'error WAL_LEVEL',
      'error PREFLIGHT',
      'warning PREFLIGHT',
      'error SLOTS_EXHAUSTED',
      'error PG_PRIVILEGE',
      'error PG_PRIVILEGE',
      'error REPLICA_IDENTITY',
      'error MESSAGE_KEY',
    ]);
    expect(findings.map(({ remedy }) => remedy).join('\n')).toMatch(
      /wal_level = 'logical'[^]*max_replication_slots = 6[^]*ALTER ROLE "listener" REPLICATION;[^]*"public"\."bare" REPLICA IDENTITY FULL[^]*"public"\."keyed" REPLICA IDENTITY FULL/,
    );
    const error = await rejection(sourceFor(configFor(server, 'plain', variables)).open(soon()));
    expect(error).toMatchObject({ code: 'PREFLIGHT', retriable: false });
    const errors = findings.filter(({ severity }) => severity === 'error');
    expect(error.message.split('\n- ').slice(1)).toEqual(errors.map(({ code, message }) => `${code}: ${message}`));
    expect(error.remedy).toBe(errors.map(({ remedy }) => remedy).join('\n'));
  });

  it('reports a database that cannot be reached as a finding', async () => {
    await using server = await startPostgres({ version: 15 });
    expect(codes(await preflight(server, 'nowhere'))).toEqual(['error PG_DATABASE_MISSING']);
    expect(codes(await preflight(server, 'x', { WAL_DATABASE_PORT: '1' }))).toEqual(['error PG_CONNECTION_LOST']);
  });

  it('goes past hosts that are down or read-only to the read-write one', async () => {
    const port = await freePort();
    await using first = await startPostgres({ version: 15, port });
    await using second = await startPostgres({
      version: 15,
      port,
      settings: { listen_addresses: '127.0.0.2' },
    });
    await first.query('CREATE DATABASE shop; ');
    await first.query('ALTER DATABASE shop SET default_transaction_read_only = on');
    const client = await second.client({ host: '127.0.0.2' });
    try {
      await client.query('CREATE DATABASE shop');
    } finally {
      await client.end();
    }
    const config = configFor(first, 'shop', { WAL_DATABASE_HOST: '127.0.0.3,127.0.0.1,127.0.0.2' });
    using open = await openStream(sourceFor(config));
    const other = await second.client({ host: '127.0.0.2' });
    try {
      const { rows } = await other.query<{ id: string }>(
        'SELECT system_identifier::text AS id FROM pg_control_system()',
      );
      expect(open.stream.identity.systemIdentifier).toBe(rows[0]?.id);
    } finally {
      await other.end();
    }
    const none = configFor(first, 'shop', { WAL_DATABASE_HOST: '127.0.0.3,127.0.0.1' });
    const error = await rejection(sourceFor(none).open(soon()));
    expect(error).toMatchObject({ code: 'PG_CONNECTION_LOST', retriable: true });
    expect(error.message).toMatch(/127\.0\.0\.3.*127\.0\.0\.1 is read-only/);
  });
});

describe('TLS', () => {
  let server: PostgresServer;
  let folder: string;
  const file = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wal-listener-tls-'));
    const ca = createTestCa(folder, 'ca');
    createTestCa(folder, 'other');
    ca.issue('server', ['db.example.test']);
    ca.issue('postgres');
    server = await startPostgres({ version: 18 });
    await server.query('CREATE DATABASE shop');
    const { uid, gid } = statSync(server.dataDir);
    for (const name of ['server.pem', 'server.key', 'ca.pem']) {
      const target = join(server.dataDir, name);
      writeFileSync(target, readFileSync(file(name)), { mode: 0o600 });
      chownSync(target, uid, gid);
    }
    const files = { ssl_cert_file: 'server.pem', ssl_key_file: 'server.key', ssl_ca_file: 'ca.pem' };
    await server.restart('fast', { ssl: 'on', ...files });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const tls = (variables: Variables): Variables => ({ WAL_DATABASE_ENABLE_TLS: 'true', ...variables });
  /** What came of opening: whether both connections were encrypted, or the error's code. */
  const outcome = async (variables: Variables): Promise<string> => {
    try {
      using open = await openStream(sourceFor(configFor(server, 'shop', tls(variables))));
      const [row] = await server.query<{ ssl: boolean }>(
        'SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1',
        ['wal-listener'],
      );
      await open.stream.stop(5000);
      return row?.ssl === true ? 'encrypted' : 'plain';
    } catch (error) {
      return error instanceof AppError ? error.code : String(error);
    }
  };

  it('require: believes any certificate', async () => {
    expect(await outcome({ WAL_DATABASE_SSL_MODE: 'require' })).toBe('encrypted');
  });

  it('verify-ca: wants the CA, not the name', async () => {
    expect(await outcome({ WAL_DATABASE_SSL_MODE: 'verify-ca', WAL_DATABASE_CA_CERT: file('ca.pem') })).toBe(
      'encrypted',
    );
    expect(await outcome({ WAL_DATABASE_SSL_MODE: 'verify-ca', WAL_DATABASE_CA_CERT: file('other.pem') })).toBe(
      'PG_TLS',
    );
  });

  it('verify-full: wants the name too, the host’s or the one configured', async () => {
    const verifyFull = { WAL_DATABASE_SSL_MODE: 'verify-full', WAL_DATABASE_CA_CERT: file('ca.pem') };
    expect(await outcome(verifyFull)).toBe('PG_TLS');
    expect(await outcome({ ...verifyFull, WAL_DATABASE_SSL_SERVER_NAME: 'db.example.test' })).toBe('encrypted');
    expect(await outcome({ ...verifyFull, WAL_DATABASE_SSL_SERVER_NAME: 'other.example.test' })).toBe('PG_TLS');
  });

  it('names a file that cannot be read', async () => {
    expect(await outcome({ WAL_DATABASE_SSL_MODE: 'verify-ca', WAL_DATABASE_CA_CERT: file('absent.pem') })).toBe(
      'PG_TLS',
    );
  });

  it('shows a client certificate', async () => {
    const hba = join(server.dataDir, 'pg_hba.conf');
    const before = readFileSync(hba, 'utf8');
    writeFileSync(hba, `hostssl shop all all scram-sha-256 clientcert=verify-full\n${before}`);
    await server.query('SELECT pg_reload_conf()');
    const pair = { WAL_DATABASE_CLIENT_CERT: file('postgres.pem'), WAL_DATABASE_CLIENT_KEY: file('postgres.key') };
    expect(await outcome({})).toBe('PG_AUTH');
    expect(await outcome(pair)).toBe('encrypted');
  });

  it('streams through TLS in order', async () => {
    await server.query('CREATE DATABASE load');
    const client = await server.client({ database: 'load' });
    try {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
      const open = await openStream(sourceFor(configFor(server, 'load', tls({}))));
      await client.query("INSERT INTO t SELECT g, repeat('x', 300) FROM generate_series(1, 50000) g");
      await expect.poll(() => open.sink.rows.length, { timeout: 20_000 }).toBe(50_000);
      expect(open.sink.keys).toEqual(Array.from({ length: 50_000 }, (_, index) => String(index + 1)));
      await open.stream.stop(5000);
    } finally {
      await client.end();
    }
  });
});
