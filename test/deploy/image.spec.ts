import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithTools } from '../support/deploy-tools.js';
import { freePort } from '../support/free-port.js';
import { startDatabase } from '../support/postgres.js';
import { databaseVariables, repositoryRoot } from '../support/service.js';
import { tempDir, type TempDir } from '../support/temp-dir.js';
import { missingModules } from './support/asked-for.js';
import { buildImage, makeRemovable, type BuiltImage } from './support/built-image.js';
import { contextFilter } from './support/dockerfile.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const MAX_IMAGE_BYTES = 250e6;
/** What the base image holds at most, uncompressed; docs/image.md says how that is known. */
const MAX_BASE_BYTES = 170e6;
/** A file takes whole blocks of a disk. */
const BLOCK_BYTES = 4096;

const fromRoot = (path: string) => join(repositoryRoot(), path);
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

await describeWithTools('Dockerfile', ['hadolint'], ({ hadolint }) => {
  it('follows the rules of hadolint', () => {
    const run = spawnSync(hadolint, [fromRoot('Dockerfile')], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: '' });
  });
});

describe('.dockerignore', () => {
  const included = contextFilter(readFileSync(fromRoot('.dockerignore'), 'utf8'));

  it.each(['package-lock.json', 'apps/wal-listener/src/main.ts', 'libs/kernel/src/index.ts', 'tsconfig.json'])(
    'lets %s in',
    (path) => {
      expect(included(path)).toBe(true);
    },
  );

  it.each([
    '.env',
    '.git/config',
    'config.yml',
    'apps/wal-listener/.env',
    'apps/wal-listener/src/.env',
    'apps/wal-listener/src/server.key',
    'libs/config/src/config.pem',
    'libs/kernel/src/lsn.spec.ts',
    'libs/config/src/testing/load.ts',
    'libs/pgoutput/testing/src/index.ts',
    'node_modules/pg/package.json',
    'dist/build-info.json',
    'test/support/service.ts',
    'deploy/helm/wal-listener/values.yaml',
  ])('keeps %s out', (path) => {
    expect(included(path)).toBe(false);
  });
});

describe('the image', () => {
  let folder: TempDir;
  let image: BuiltImage;
  let files: Awaited<ReturnType<BuiltImage['files']>>;
  let entrypoint: string[];
  let healthcheck: string[];

  beforeAll(async () => {
    folder = await tempDir();
    image = await buildImage(folder.path, { BUILD_COMMIT: COMMIT, SOURCE: 'https://example.org/source' });
    files = await image.files();
    await image.makeReadOnly();
    entrypoint = JSON.parse(image.said['ENTRYPOINT']) as string[];
    healthcheck = JSON.parse(image.said['HEALTHCHECK'].replace(/^CMD /, '')) as string[];
  }, 600_000);

  afterAll(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  it('runs the program as PID 1 and without root, on the ports of the chart', () => {
    expect(image.base).toBe('gcr.io/distroless/nodejs24-debian13:nonroot');
    expect(entrypoint).toEqual(['/nodejs/bin/node', '/app/dist/apps/wal-listener/src/main.js']);
    expect(healthcheck).toEqual([...entrypoint, 'healthcheck']);
    expect(image.said['USER']).toBe('65532:65532');
    expect(image.said['EXPOSE']).toBe('8080 2112');
    expect(image.env).toEqual({
      NODE_ENV: 'production',
      NODE_OPTIONS: '--max-semi-space-size=4',
      WAL_LISTENER_SERVER_PORT: '8080',
    });
  });

  it('has room for young objects where memory is scarce too', () => {
    const heap = pathToFileURL(image.path('/app/dist/apps/wal-listener/src/heap.js')).href;
    const program = `import { getHeapSpaceStatistics } from 'node:v8';
      (await import('${heap}')).boundHeap();
      console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);`;
    // What V8 chooses in a container with 384 MiB.
    const options = ['--max-heap-size=259', '--input-type=module', '--eval', program];
    const run = spawnSync(process.execPath, options, { env: { ...image.env }, encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(Number(run.stdout)).toBe(8 * 1024 * 1024);
  });

  it('is labelled with its source, version and commit', () => {
    expect(image.labels).toMatchObject({
      'org.opencontainers.image.title': 'wal-listener',
      'org.opencontainers.image.source': 'https://example.org/source',
      'org.opencontainers.image.version': (readJson(fromRoot('package.json')) as { version: string }).version,
      'org.opencontainers.image.revision': COMMIT,
    });
  });

  it('stays below 250 MB, also on a disk that gives every file whole blocks', () => {
    const onDisk = files.map(({ bytes }) => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES);
    const added = onDisk.reduce((sum, bytes) => sum + bytes, 0);
    expect(added).toBeLessThan(MAX_IMAGE_BYTES - MAX_BASE_BYTES);
  });

  it('holds the built program and its production dependencies, and nothing else', () => {
    const paths = files.map(({ path }) => path);
    expect([...new Set(paths.map((path) => path.split('/').slice(1, 3).join('/')))].toSorted()).toEqual([
      'app/LICENSE',
      'app/dist',
      'app/node_modules',
      'app/package.json',
    ]);
    const ours = paths.filter((path) => path.startsWith('/app/dist/'));
    expect(ours).toContain('/app/dist/build-info.json');
    expect(ours.filter((path) => !/^\/app\/dist\/(apps|libs)\/.*\.js(\.map)?$/.test(path))).toEqual([
      '/app/dist/build-info.json',
    ]);
    // Sources, tests, secrets, and code for one kind of processor.
    const unwanted = /(\.spec\.[cm]?js(\.map)?|\.[cm]?ts|\.node|\.pem|\.key|\/\.env[^/]*|\/\.npmrc|\/config\.ya?ml)$/;
    expect(paths.filter((path) => unwanted.test(path))).toEqual([]);
    const { packages } = readJson(fromRoot('package-lock.json')) as { packages: Record<string, { dev?: true }> };
    const development = Object.keys(packages).filter((path) => packages[path].dev === true);
    expect(development.length).toBeGreaterThan(0);
    expect(development.filter((path) => existsSync(image.path(`/app/${path}`)))).toEqual([]);
  });

  it('names the commit it was built from', async () => {
    await using program = image.start(entrypoint, ['--version'], {});
    expect(await program.waitForExit()).toEqual({ code: 0, signal: null });
    expect(program.stdout).toEqual([expect.stringMatching(/^wal-listener \d+\.\d+\.\d+ \(commit 0123456789ab\)$/)]);
  });

  it('has every module that another one asks for, be it late', async () => {
    const folders = files.map(({ path }) => /^\/app(\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
    const packages = [...new Set(folders.filter((folder) => folder !== undefined))];
    const entries = packages.flatMap((folder) =>
      readdirSync(fromRoot(folder), { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()),
    );
    const all = new Set(entries.map((entry) => `/${relative(repositoryRoot(), join(entry.parentPath, entry.name))}`));
    const paths = new Set(files.map(({ path }) => path.replace(/^\/app/, '')));
    expect(await missingModules({ paths, locate: (path) => image.path(`/app${path}`) }, all)).toEqual([]);
  });

  it.each(['nats', 'kafka', 'rabbitmq', 'google_pubsub'])('has what it needs to reach %s', async (type) => {
    const closed = String(await freePort());
    const address = type === 'rabbitmq' ? `amqp://127.0.0.1:${closed}` : `127.0.0.1:${closed}`;
    await using program = image.start(entrypoint, ['check', '--json'], {
      WAL_DATABASE_URL: `postgres://postgres@127.0.0.1:${closed}/postgres`,
      WAL_PUBLISHER_TYPE: type,
      WAL_PUBLISHER_TOPIC: 'shop',
      ...(type === 'google_pubsub'
        ? { PUBSUB_EMULATOR_HOST: address, WAL_PUBLISHER_PUB_SUB_PROJECT_ID: 'demo' }
        : { WAL_PUBLISHER_ADDRESS: address }),
    });
    expect(await program.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    const { findings } = JSON.parse(program.stdout.join('\n')) as { findings: { part: string; code: string }[] };
    const errors = findings.filter(({ code }) => code !== 'CONFIG_INVALID').map(({ part, code }) => `${part} ${code}`);
    expect(errors.toSorted()).toEqual(['broker BROKER_UNREACHABLE', 'database PG_CONNECTION_LOST']);
  });

  it('streams without root from files nobody can write to, and answers its health check', async () => {
    await using database = await startDatabase({ version: 18 });
    const client = await database.client();
    await client.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
    const port = String(await freePort());
    const variables = { ...databaseVariables(database), WAL_PUBLISHER_TYPE: 'stdout' };
    const health = async (serverPort: string) => {
      await using program = image.start(healthcheck, [], { ...variables, WAL_LISTENER_SERVER_PORT: serverPort });
      return (await program.waitForExit(60_000)).code;
    };
    expect(await health(port)).toBe(1);
    expect(await health('0')).toBe(0);
    const metricsAddress = `127.0.0.1:${String(await freePort())}`;
    await using service = image.start(entrypoint, [], {
      ...variables,
      WAL_LISTENER_SERVER_PORT: port,
      WAL_MONITORING_PROM_ADDR: metricsAddress,
      // Nothing is reported; its libraries are loaded.
      WAL_MONITORING_SENTRY_DSN: `http://key@127.0.0.1:${String(await freePort())}/1`,
    });
    await service.waitForLine('"msg":"streaming"', 60_000);
    expect(await health(port)).toBe(0);
    if (process.getuid?.() === 0) {
      expect(readFileSync(`/proc/${String(service.pid)}/status`, 'utf8')).toMatch(/^Uid:\s+65532\s+65532/m);
    }
    await client.query(`INSERT INTO users VALUES (1, 'Ada')`);
    expect(JSON.parse(await service.waitForLine('INSERT'))).toMatchObject({ data: { id: 1, name: 'Ada' } });
    expect(await (await fetch(`http://${metricsAddress}/metrics`)).text()).toContain(`commit="${COMMIT}"`);
    expect(await service.terminate()).toEqual({ code: 0, signal: null });
    await client.end();
  });

  it('is what docs/image.md says', () => {
    const page = readFileSync(fromRoot('docs/image.md'), 'utf8');
    for (const fact of [image.base, entrypoint.join(' '), image.said['USER'], ...image.said['EXPOSE'].split(' ')]) {
      expect(page).toContain(fact);
    }
    for (const [name, value] of Object.entries(image.env)) expect(page).toContain(`\`${name}=${value}\``);
  });
});
