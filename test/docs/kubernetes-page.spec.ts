import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type pg from 'pg';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#lib/config';
import { HelmChart } from '../deploy/helm-chart.js';
import { containerInputs, containerOf, get, type ContainerInputs, type Manifest } from '../deploy/manifests.js';
import { describeWithTools } from '../support/deploy-tools.js';
import { freePort } from '../support/free-port.js';
import { startNats } from '../support/nats-server.js';
import { startPostgres } from '../support/postgres.js';
import { repositoryRoot, startService } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import { waitFor } from '../support/wait-for.js';

const page = readFileSync(join(repositoryRoot(), 'docs/kubernetes.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);

type Values = Readonly<Record<string, unknown>>;
interface Example {
  readonly title: string;
  readonly values: Values;
}

const examples = blocks('yaml').map((text): Example => ({
  title: text.split('\n')[0] ?? '',
  values: parse(text) as Values,
}));
const [first = { title: '', values: {} }, ...others] = examples;
const KUBERNETES = '1.30.0';
const DATABASE_SECRET = { 'shop-database': { password: 'change-me' } };

const inputsOf = (manifests: readonly Manifest[]): ContainerInputs => {
  const { containers, volumes, ...pod } = get(manifests, 'Deployment').spec.template.spec;
  // The certificate authority comes from a ConfigMap of the user's; it is a path to the configuration.
  const isOurs = ({ name }: { readonly name: string }) => name !== 'shop-database-ca';
  const own = {
    ...pod,
    volumes: (volumes ?? []).filter(isOurs),
    containers: containers.map((container) => ({
      ...container,
      volumeMounts: (container.volumeMounts ?? []).filter(isOurs),
    })),
  };
  return containerInputs(own, manifests, DATABASE_SECRET);
};

await describeWithTools('docs/kubernetes.md', ['helm'], ({ helm }) => {
  const chart = new HelmChart(helm);

  it('has a first example and others that go on top of it', () => {
    expect(examples.every(({ title }) => title.startsWith('# values.yaml'))).toBe(true);
    expect(others.length).toBeGreaterThan(4);
  });

  it.each(examples)('$title is valid, and so is the configuration that it makes', async ({ values }) => {
    const manifests = await chart.manifests({ kubeVersion: KUBERNETES, values: [first.values, values] });
    const { env, files } = inputsOf(manifests);
    const readFile = (path: string) => {
      const content = files.get(path);
      if (content === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return content;
    };
    const { config, warnings } = loadConfig({ env, cwd: '/app', readFile });
    expect(warnings).toEqual([]);
    expect(config.database).toMatchObject({ name: 'shop', password: 'change-me', ssl: { mode: 'verify-full' } });
  });

  it('leads from an empty PostgreSQL to a pod that streams and is ready, and back', async () => {
    const [settings = '', tablesWithoutIdentity = '', setUp = '', cleanUp = '', ...rest] = blocks('sql');
    expect(rest).toEqual([]);
    await using server = await startPostgres({ version: 18 });
    await using nats = await startNats();
    await server.query('CREATE DATABASE shop');
    const superuser = await server.client({ database: 'shop' });
    await superuser.query('CREATE TABLE users (id int PRIMARY KEY, name text); CREATE TABLE log (line text)');

    await runStatements(superuser, settings);
    expect((await superuser.query(tablesWithoutIdentity)).rows).toEqual([{ table_without_identity: 'log' }]);
    await superuser.query('ALTER TABLE log REPLICA IDENTITY FULL');
    expect((await superuser.query(tablesWithoutIdentity)).rows).toEqual([]);
    await runStatements(superuser, setUp);

    const here = {
      config: {
        // What stands for postgres.example.com and nats.example.com.
        database: { host: server.host, port: server.port, sslMode: 'disable', caCert: null },
        publisher: { address: nats.url },
      },
      ports: { http: await freePort(), metrics: await freePort() },
    };
    const manifests = await chart.manifests({ kubeVersion: KUBERNETES, values: [first.values, here] });
    await using folder = await tempDir();
    const env = await materialise(inputsOf(manifests), folder.path);

    await using check = startService(env, { args: ['check'] });
    expect(await check.waitForExit(60_000)).toEqual({ code: 0, signal: null });
    expect(check.stdout.at(-1)).toBe('Ready to stream.');

    await using pod = startService(env);
    await pod.waitForLine('"msg":"streaming"', 60_000);
    const container = containerOf(get(manifests, 'Deployment').spec.template.spec);
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      const port = container.ports?.find(({ name }) => name === httpGet.port)?.containerPort ?? 0;
      expect((await fetch(`http://127.0.0.1:${String(port)}${httpGet.path}`)).status).toBe(200);
    }
    await superuser.query(`INSERT INTO users VALUES (1, 'Ada')`);
    const metrics = async () => (await fetch(`http://127.0.0.1:${String(here.ports.metrics)}/metrics`)).text();
    const published = /^published_events_total\{.*subject="shop\.public_users".*\} 1$/m;
    await waitFor(async () => published.test(await metrics()), {
      what: 'the event to be published',
      deadlineMs: 60_000,
    });
    expect(await pod.terminate()).toEqual({ code: 0, signal: null });

    await runStatements(superuser, cleanUp);
    const left = `SELECT slot_name AS name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication
                  UNION ALL SELECT rolname FROM pg_roles WHERE rolname = 'wal_listener'`;
    expect((await superuser.query(left)).rows).toEqual([]);
    await superuser.end();
  });
});

/** Runs each statement by itself, as psql does: some must not stand in a transaction with others. */
async function runStatements(client: pg.Client, sql: string): Promise<void> {
  for (const statement of sql.split(/;\n/).filter((text) => text.trim() !== '')) {
    // oxlint-disable-next-line no-await-in-loop -- one builds on the other
    await client.query(statement);
  }
}

/** Writes the mounted files below a folder; returns the environment with the paths there. */
async function materialise(
  { env, files, mountPaths }: ContainerInputs,
  folder: string,
): Promise<Record<string, string>> {
  await Promise.all(
    [...files].map(async ([path, content]) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }),
  );
  const isMounted = (value: string) => mountPaths.some((path) => value.startsWith(`${path}/`));
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, isMounted(value) ? join(folder, value) : value]),
  );
}
