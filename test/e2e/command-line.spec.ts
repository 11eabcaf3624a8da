import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCodeEntry } from '#lib/kernel';
import { freePort } from '../support/free-port.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { builtEntry, databaseVariables, repositoryRoot, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

let server: PostgresServer;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startPostgres({ version: 18 });
  await server.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
  folder = mkdtempSync(join(tmpdir(), 'wal-listener-cli-'));
  env = { ...databaseVariables(server), WAL_PUBLISHER_TYPE: 'stdout' };
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server[Symbol.asyncDispose]();
});

async function outcome(args: readonly string[], variables: Record<string, string> = {}) {
  await using child = startService(variables, { args });
  const { code } = await child.waitForExit(60_000);
  return { code, stdout: child.stdout.join('\n'), stderr: child.stderr };
}

interface HeapSnapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[] }; readonly node_count: number };
  readonly nodes: readonly number[];
}

describe('--version', () => {
  it('names the version and the commit that the build wrote', async () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')) as { version: string };
    const path = resolve(dirname(builtEntry()), '../../../build-info.json');
    const { commit } = JSON.parse(readFileSync(path, 'utf8')) as { commit: string };
    expect(commit).toMatch(/^(unknown|\S{7,})$/);
    const expected = commit === 'unknown' ? version : `${version} (commit ${commit.slice(0, 12)})`;
    expect(await outcome(['--version'])).toEqual({ code: 0, stdout: `wal-listener ${expected}`, stderr: [] });
  });
});

describe('a running service', () => {
  it('is asked by healthcheck, and writes a whole heap snapshot at each SIGUSR2 without stopping', async () => {
    const port = { WAL_LISTENER_SERVER_PORT: String(await freePort()) };
    const snapshots = () => readdirSync(folder).map((name) => join(folder, name));
    {
      await using child = startService({ ...env, ...port, WAL_HEAP_SNAPSHOT_DIR: folder });
      await child.waitForLine('"msg":"streaming"', 60_000);
      expect(await outcome(['healthcheck'], { ...env, ...port })).toEqual({ code: 0, stdout: '', stderr: [] });

      // A standby of the same slot, with snapshots off.
      await using standby = startService(env);
      await standby.waitForLine('standby: another process streams', 60_000);
      standby.signal('SIGUSR2');
      await standby.waitForLine('heapSnapshotDir turns them on', 60_000);
      expect(snapshots()).toEqual([]);

      child.signal('SIGUSR2');
      await waitFor(() => snapshots().length > 0, { what: 'the first snapshot to begin', deadlineMs: 60_000 });
      child.signal('SIGUSR2');
      const logged = () => child.stderr.filter((line) => line.includes('heap snapshot written'));
      await waitFor(() => logged().length === 2, { what: 'both snapshots', deadlineMs: 120_000 });
      expect(snapshots()).toHaveLength(2);
      for (const path of snapshots()) {
        expect(statSync(path).mode & 0o777).toBe(0o600);
        expect(logged().some((line) => line.includes(path))).toBe(true);
        const { snapshot, nodes } = JSON.parse(readFileSync(path, 'utf8')) as HeapSnapshot;
        expect(nodes.length).toBe(snapshot.node_count * snapshot.meta.node_fields.length);
      }

      await server.query("INSERT INTO users VALUES (1, 'a')");
      await child.waitForLine('"action":"INSERT"', 60_000);
      expect(standby.running).toBe(true);
      expect(await standby.terminate()).toEqual({ code: 0, signal: null });
      expect(await child.terminate()).toEqual({ code: 0, signal: null });
    }
    const gone = await outcome(['healthcheck'], { ...env, ...port });
    expect(gone).toMatchObject({ code: 1, stderr: [expect.stringContaining('/healthz')] });
  });
});

describe('the manual of errors', () => {
  it('shows queries that PostgreSQL understands', async () => {
    await server.query('CREATE TABLE bare (id int)');
    const entries: readonly ErrorCodeEntry[] = Object.values(ERROR_CODES);
    const statements = entries.flatMap(({ sql = '' }) =>
      sql
        .split(/;(?:\n|$)/)
        .map((statement) => statement.replaceAll(/^--.*\n/gm, ''))
        .filter((statement) => /^(SELECT|SHOW) /.test(statement) && !/\bpg_(create|drop|reload)_/.test(statement)),
    );
    expect(statements.length).toBeGreaterThan(6);
    const answers = [];
    for (const statement of statements) answers.push(...(await server.query(statement)));
    expect(JSON.stringify(answers)).toContain('bare');
    expect(JSON.stringify(answers)).not.toContain('users');
  });
});
