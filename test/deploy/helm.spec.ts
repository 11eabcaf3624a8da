import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { format } from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '#lib/config';
import { describeWithTools } from '../support/deploy-tools.js';
import { repositoryRoot } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import { HelmChart, parseManifests } from './helm-chart.js';
import { containerInputs, containerOf, find, get, type Manifest, type PodSpec, type Secrets } from './manifests.js';

const execute = promisify(execFile);
const chartFolder = join(repositoryRoot(), 'deploy/helm/wal-listener');
const plainFolder = join(repositoryRoot(), 'deploy/kubernetes');
const readYaml = (path: string) => parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

/** Every set of values that the chart is tried with. */
const sets = readdirSync(join(chartFolder, 'ci')).map((file) => basename(file, '.yaml'));
const valuesOf = (set: string) => join(chartFolder, 'ci', `${set}.yaml`);

/** The Secrets that the sets take for granted. */
const SECRETS: Secrets = {
  'shop-wal-listener': { WAL_DATABASE_PASSWORD: 'secret' },
  'wal-listener': { WAL_DATABASE_PASSWORD: 'secret' },
  'shop-database': { password: 'secret\n', 'ca.crt': 'PEM' },
  'nats-wal': { 'ca.crt': 'PEM', 'wal.creds': 'CREDS' },
  'kafka-wal': { password: 'secret' },
  'kafka-ca': { 'ca.crt': 'PEM' },
};

const SHUTDOWN_WATCHDOG_SECONDS = 5;

describe('Chart.yaml', () => {
  it('names the version of the program', () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')) as { version: string };
    expect(readYaml(join(chartFolder, 'Chart.yaml'))['appVersion']).toBe(version);
  });
});

describe('values.schema.json', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly additionalProperties?: unknown;
    readonly $ref?: string;
  }
  const schema = JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as Schema;

  it('knows every value of values.yaml, and values.yaml each of its own', () => {
    const compare = (values: Readonly<Record<string, unknown>>, { properties = {}, additionalProperties }: Schema) => {
      expect(additionalProperties).toBe(false);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(values)));
      for (const [key, inner] of Object.entries(properties)) {
        if (inner.properties === undefined || OPTIONAL.has(key)) continue;
        compare((values[key] ?? {}) as Record<string, unknown>, inner);
      }
      const mentioned = Object.keys(properties).filter((key) => !OPTIONAL.has(key));
      expect(Object.keys(values)).toEqual(expect.arrayContaining(mentioned));
    };
    /** What users may add to the values that are there. */
    const OPTIONAL = new Set(['global', 'rollingUpdate', 'claims']);
    compare(readYaml(join(chartFolder, 'values.yaml')), schema);
  });
});

await describeWithTools('deploy/helm', ['helm', 'kubernetes-validate'], (programs) => {
  const chart = new HelmChart(programs.helm);
  const rendered = new Map<string, readonly Manifest[]>();
  let oldest: string;
  let newest: string;

  beforeAll(async () => {
    [oldest, newest] = await knownVersions(programs['kubernetes-validate']);
    await Promise.all(
      sets.flatMap((set) =>
        [oldest, newest].map(async (kubeVersion) => {
          const manifests = await chart.manifests({ kubeVersion, values: [valuesOf(set)] });
          rendered.set(`${set} ${kubeVersion}`, manifests);
        }),
      ),
    );
  });

  const manifestsOf = (set: string) => rendered.get(`${set} ${newest}`) ?? [];
  const podOf = (set: string): PodSpec => get(manifestsOf(set), 'Deployment').spec.template.spec;
  const configOf = (set: string, pod = podOf(set)) => {
    const { env, files, mountPaths } = containerInputs(pod, manifestsOf(set), SECRETS);
    const readFile = (path: string) => {
      const content = files.get(path);
      if (content === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return content;
    };
    return { ...loadConfig({ env, cwd: '/app', readFile }), env, files, mountPaths };
  };

  it('passes helm lint --strict with every set of values', async () => {
    const results = await Promise.all(sets.map((set) => chart.lint({ kubeVersion: newest, values: [valuesOf(set)] })));
    for (const result of results) expect(result).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('is valid for the oldest and the newest Kubernetes known, and so are the plain manifests', async () => {
    await using folder = await tempDir();
    const validate = async (kubeVersion: string, manifests: readonly Manifest[]) => {
      const file = join(folder.path, `${kubeVersion}.yaml`);
      const known = manifests.filter(({ kind }) => kind !== 'ServiceMonitor');
      await writeFile(file, [...new Set(known.map((manifest) => stringify(manifest)))].join('---\n'));
      const options = ['--strict', '--quiet', '--kubernetes-version', kubeVersion, file];
      return execute(programs['kubernetes-validate'], options);
    };
    const plain = plainFiles().flatMap((file) => parseManifests(readFileSync(join(plainFolder, file), 'utf8')));
    const rendering = (version: string) => sets.flatMap((set) => rendered.get(`${set} ${version}`) ?? []);
    const results = await Promise.all([
      validate(oldest, rendering(oldest)),
      validate(newest, rendering(newest)),
      // The oldest that docs/kubernetes.md promises for them.
      validate('1.27', plain),
    ]);
    expect(results.map(({ stdout }) => stdout)).toEqual(['', '', '']);
  });

  describe.each(sets)('%s.yaml', (set) => {
    it('gives the program a configuration without a fault', () => {
      const { config, warnings, mountPaths } = configOf(set);
      expect(warnings.filter((line) => !line.startsWith('listener.filter.tables is set'))).toEqual([]);
      const { database, publisher } = config;
      expect(database.password).toMatch(/^(secret|change-me)$/);
      const paths = [database.ssl, publisher.tls].flatMap((tls) => [tls.caCert, tls.clientCert, tls.clientKey]);
      const { credsFile, nkeySeedFile, pubsub } = publisher;
      const named = [...paths, credsFile, nkeySeedFile, pubsub.credentialsFile, config.heapSnapshotDir];
      for (const path of named.filter((name) => name !== undefined)) {
        expect(mountPaths.some((mount) => path.startsWith(mount))).toBe(true);
      }
    });

    it('runs the check with the same configuration', () => {
      const pod = find(manifestsOf(set), 'Pod');
      if (pod === undefined) return expect(set).toBe('plain');
      expect(configOf(set, pod.spec)).toEqual(configOf(set));
      expect(containerOf(pod.spec).args).toEqual(['check']);
      // `helm test --logs` reads its log after hook-succeeded would have deleted it.
      expect(pod.metadata.annotations).toEqual({
        'helm.sh/hook': 'test',
        'helm.sh/hook-delete-policy': 'before-hook-creation',
      });
      // Else the Service would send Prometheus to it.
      const { selector } = get(manifestsOf(set), 'Service').spec;
      expect({ ...pod.metadata.labels, ...selector }).not.toEqual(pod.metadata.labels);
    });

    it('meets the restricted pod security standard', () => {
      for (const pod of [podOf(set), find(manifestsOf(set), 'Pod')?.spec ?? podOf(set)]) {
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          runAsUser: imageUser(),
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(containerOf(pod).securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(pod.enableServiceLinks).toBe(false);
        expect(pod.automountServiceAccountToken).toBe(set === 'everything');
      }
    });

    it('probes the port that the program listens on, and names both ports', () => {
      const { startupProbe, livenessProbe, readinessProbe, ports } = containerOf(podOf(set));
      const probes = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet);
      expect(probes).toEqual(['/healthz', '/healthz', '/ready'].map((path) => ({ path, port: 'http' })));
      const { listener, monitoring } = configOf(set).config;
      expect(ports).toEqual([
        { name: 'http', containerPort: listener.serverPort },
        { name: 'metrics', containerPort: monitoring.promAddr?.port },
      ]);
      const service = get(manifestsOf(set), 'Service').spec;
      expect(service.ports.map(({ port, targetPort }) => [targetPort, port])).toEqual([
        ['http', listener.serverPort],
        ['metrics', monitoring.promAddr?.port],
      ]);
      const { selector, template } = get(manifestsOf(set), 'Deployment').spec;
      expect(service.selector).toEqual(selector.matchLabels);
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    });

    it('leaves the program time to stop', () => {
      const needed = configOf(set).config.shutdownTimeoutMs / 1000 + SHUTDOWN_WATCHDOG_SECONDS;
      expect(podOf(set).terminationGracePeriodSeconds).toBeGreaterThan(needed);
    });

    it('never blocks the draining of a node', () => {
      const { replicas, template } = get(manifestsOf(set), 'Deployment').spec;
      const budget = find(manifestsOf(set), 'PodDisruptionBudget');
      expect(budget !== undefined).toBe(replicas > 1);
      expect(template.spec.topologySpreadConstraints !== undefined).toBe(replicas > 1);
      if (budget === undefined) return;
      expect(budget.spec.maxUnavailable).not.toBe(0);
      expect(budget.spec.unhealthyPodEvictionPolicy).toBe('AlwaysAllow');
    });
  });

  it('runs one version at a time, unless told otherwise', () => {
    const strategies = sets.map((set) => [set, get(manifestsOf(set), 'Deployment').spec.strategy.type]);
    expect(strategies.filter(([, type]) => type !== 'Recreate').map(([set]) => set)).toEqual(['everything', 'standby']);
  });

  it('keeps secrets out of the environment and of the ConfigMap when they are files', () => {
    const { env, files, config } = configOf('kafka');
    expect(env).toMatchObject({ WAL_PUBLISHER_PASSWORD_FILE: '/run/secrets/wal-listener/WAL_PUBLISHER_PASSWORD' });
    expect(env).not.toHaveProperty('WAL_PUBLISHER_PASSWORD');
    expect(files.get('/etc/wal-listener/config.yml')).not.toContain('secret');
    expect(config.publisher).toMatchObject({ password: 'secret', maxInFlightBytes: 64 * 1024 * 1024 });
    const awkward = `a 'quoted' "secret": #1 $HOME`;
    expect(configOf('rabbitmq').config.publisher.password).toBe(awkward);
  });

  it('keeps the order of patterns in a configuration given as text', () => {
    const { topicsMap } = configOf('nats').config.listener;
    expect([...topicsMap.keys()]).toEqual(['/^public_(orders|invoices)$/', '/^public_(.*)$/']);
  });

  it('restarts the pods when configuration or secret change, and only then', async () => {
    const annotations = async (values: Readonly<Record<string, unknown>>) => {
      const manifests = await chart.manifests({ kubeVersion: newest, values: [valuesOf('rabbitmq'), values] });
      return get(manifests, 'Deployment').spec.template.metadata.annotations ?? {};
    };
    const [as, config, secret, replicas] = await Promise.all([
      annotations({}),
      annotations({ config: { listener: { slotName: 'other' } } }),
      annotations({ secret: { WAL_DATABASE_PASSWORD: 'other' } }),
      annotations({ replicas: 2 }),
    ]);
    expect(config['checksum/config']).not.toBe(as['checksum/config']);
    expect(secret['checksum/secret']).not.toBe(as['checksum/secret']);
    expect(replicas).toEqual(as);
  });

  it('knows what variables say', async () => {
    const variables = { WAL_DATABASE_NAME: 'shop', WAL_SHUTDOWN_TIMEOUT: '1m30s' };
    const manifests = await chart.manifests({
      kubeVersion: newest,
      release: 'shop.eu',
      values: [{ secret: variables, extraEnv: [{ name: 'WAL_PUBLISHER_TYPE_FILE', value: '/etc/type' }] }],
    });
    expect(get(manifests, 'Deployment').spec.template.spec.terminationGracePeriodSeconds).toBe(100);
    expect(get(manifests, 'Service').metadata.name).toBe('shop-eu-wal-listener');
  });

  it('lets Prometheus find the pods', () => {
    const monitor = get(manifestsOf('everything'), 'ServiceMonitor');
    expect(monitor).toMatchObject({
      apiVersion: 'monitoring.coreos.com/v1',
      metadata: { labels: { release: 'prometheus' } },
      spec: {
        selector: { matchLabels: get(manifestsOf('everything'), 'Deployment').spec.selector.matchLabels },
        endpoints: [{ port: 'metrics', path: '/metrics', interval: '15s', scrapeTimeout: '10s' }],
      },
    });
    expect(get(manifestsOf('everything'), 'Service').metadata.labels).toMatchObject(
      get(manifestsOf('everything'), 'Deployment').spec.selector.matchLabels,
    );
    for (const set of sets) expect(get(manifestsOf(set), 'Service').spec.publishNotReadyAddresses).toBe(true);
  });

  it('speaks for the account of its ServiceAccount', () => {
    expect(get(manifestsOf('pubsub'), 'ServiceAccount').metadata.annotations).toEqual({
      'iam.gke.io/gcp-service-account': 'wal-listener@my-project.iam.gserviceaccount.com',
    });
  });

  const refused: readonly [string, Record<string, unknown>, readonly string[]][] = [
    ['a typo at the top', { replcas: 2 }, ["additional properties 'replcas' not allowed"]],
    ['a typo below', { image: { repo: 'x' } }, ["/image': additional properties 'repo' not allowed"]],
    ['a typo in a probe', { probes: { liveness: { period: 1 } } }, ["/probes/liveness'", "'period'"]],
    [
      'a secret that is no variable',
      { secret: { password: 'x' } },
      ["/secret': additional properties 'password' not allowed"],
    ],
    ['a wrong type', { replicas: 'two' }, ["/replicas': got string, want integer"]],
    [
      'no publisher',
      { config: null, existingSecret: '' },
      ['config.publisher.type: required', 'config.database.name: required'],
    ],
    ['two secrets', { secret: { WAL_TAGS: 'x' }, existingSecret: 'other' }, ['secret and existingSecret']],
    ['too little time', { config: { shutdownTimeout: '2m' }, terminationGracePeriodSeconds: 60 }, ['at least 130']],
    ['a bare number', { config: { shutdownTimeout: 30 } }, ['shutdownTimeout: "30" is no duration']],
    ['a password in the file', { config: { database: { PASSWORD: 'x' } } }, ['config.database.password']],
    ['one in the address', { config: { publisher: { address: ['amqp://u:p@h'] } } }, ['config.publisher.address']],
    ['the port in the file', { config: { listener: { server_port: 1 } } }, ['use the value ports.http']],
    ['the port as a variable', { extraEnv: [{ name: 'WAL_MONITORING_PROM_ADDR', value: ':1' }] }, ['ports.metrics']],
    ['unordered patterns', { config: { listener: { topicsMap: { '/a/': 'x', '/b/': 'y' } } } }, ['as a text']],
    [
      'a variable twice',
      {
        secretFiles: { WAL_PUBLISHER_TOKEN: { name: 'a', key: 'b' } },
        extraEnv: ['WAL_TAGS', 'WAL_TAGS', 'WAL_PUBLISHER_TOKEN_FILE'].map((name) => ({ name, value: '/x' })),
      },
      ['extraEnv WAL_TAGS: is there twice', 'extraEnv WAL_PUBLISHER_TOKEN_FILE: is there twice'],
    ],
    ['what Recreate has no use for', { strategy: { rollingUpdate: { maxSurge: 1 } } }, ['strategy.rollingUpdate']],
    ['a scrape beyond its interval', { serviceMonitor: { enabled: true, interval: '5s' } }, ['than the interval 5s']],
    ['a name that no Service may have', { fullnameOverride: 'Shop.x' }, ["/fullnameOverride'"]],
    ['a monitor of nothing', { serviceMonitor: { enabled: true }, service: { enabled: false } }, ['service.enabled']],
  ];
  it.each(refused)('refuses %s and says so', async (_, values, messages) => {
    const refusal = await chart.refusal({ kubeVersion: newest, values: [valuesOf('minimal'), values] });
    for (const message of messages) expect(refusal).toContain(message);
  });

  describe('deploy/kubernetes', () => {
    it('is the rendering of plain.yaml', async () => {
      const options = { kubeVersion: newest, release: 'wal-listener', values: [valuesOf('plain')] };
      const files = await plainManifests(await chart.render(options));
      await Promise.all([...files].map(([file, text]) => expect(text).toMatchFileSnapshot(join(plainFolder, file))));
    });

    it('has a kustomization of all of it and nothing else, and an example of the Secret that it takes for granted', () => {
      const kustomization = readYaml(join(plainFolder, 'kustomization.yaml'));
      expect(kustomization['resources']).toEqual(plainFiles());
      expect(plainFiles()).toHaveLength(manifestsOf('plain').length);
      const { image, envFrom } = containerOf(podOf('plain'));
      expect(kustomization['images']).toMatchObject([{ name: image.split(':')[0] }]);
      const [secret] = parseManifests(readFileSync(join(plainFolder, 'secret.example.yaml'), 'utf8'));
      expect(envFrom).toEqual([{ secretRef: { name: secret?.metadata.name } }]);
    });
  });
});

/** The oldest and the newest version of Kubernetes whose schemas kubernetes-validate ships. */
async function knownVersions(program: string): Promise<[string, string]> {
  const list = 'import kubernetes_validate.utils as u; print(*u.all_versions())';
  const { stdout } = await execute(join(dirname(program), 'python'), ['-c', list]);
  const versions = stdout.trim().split(' ');
  return [versions[0] ?? '', versions.at(-1) ?? ''];
}

/** The user that the image runs as. */
function imageUser(): number {
  const dockerfile = readFileSync(join(repositoryRoot(), 'Dockerfile'), 'utf8');
  return Number(/^USER (\d+)/m.exec(dockerfile)?.[1]);
}

/** The manifests of deploy/kubernetes that are written from the chart. */
function plainFiles(): readonly string[] {
  const others = new Set(['kustomization.yaml', 'secret.example.yaml']);
  return readdirSync(plainFolder)
    .filter((file) => !others.has(file))
    .toSorted();
}

/** A rendering as files, one per template, without what belongs to Helm. */
async function plainManifests(rendering: string): Promise<ReadonlyMap<string, string>> {
  const ofHelm = /^ *(helm\.sh\/chart|app\.kubernetes\.io\/managed-by|checksum\/\w+|# The program reads).*\n/gm;
  const header = '# Written from deploy/helm/wal-listener with ci/plain.yaml, which says how to write it anew.\n';
  const files = rendering.split(/^---\n# Source: .*\/(.+)\n/m).slice(1);
  const entries = files.flatMap((file, index) => {
    const text = files[index + 1];
    return index % 2 === 0 && text !== undefined ? [[file, `${header}${text.replaceAll(ofHelm, '')}`] as const] : [];
  });
  return new Map(
    await Promise.all(
      entries.map(
        async ([file, text]) =>
          [file, await format(text, { parser: 'yaml', singleQuote: true, printWidth: 120 })] as const,
      ),
    ),
  );
}
