import { posix } from 'node:path';

/** Any manifest; `find` gives those that tests look into. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface Kinds {
  readonly Deployment: Manifest & { readonly spec: DeploymentSpec };
  readonly Pod: Manifest & { readonly spec: PodSpec };
  readonly ConfigMap: Manifest & { readonly data: Readonly<Record<string, string>> };
  readonly Secret: Manifest & { readonly data: Readonly<Record<string, string>> };
  readonly Service: Manifest & { readonly spec: ServiceSpec };
  readonly ServiceAccount: Manifest & { readonly automountServiceAccountToken: boolean };
  readonly PodDisruptionBudget: Manifest & {
    readonly spec: { readonly maxUnavailable: unknown; readonly unhealthyPodEvictionPolicy?: string };
  };
  readonly ServiceMonitor: Manifest & { readonly spec: unknown };
  readonly NetworkPolicy: Manifest & { readonly spec: unknown };
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: { readonly type: string };
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: { readonly metadata: Manifest['metadata']; readonly spec: PodSpec };
}

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly publishNotReadyAddresses: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
}

export interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly topologySpreadConstraints?: readonly { readonly whenUnsatisfiable: string }[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
}

export interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly envFrom?: readonly {
    readonly secretRef?: Reference;
    readonly configMapRef?: Reference;
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface Reference {
  readonly name: string;
  readonly optional?: boolean;
}

interface SecretSource {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: Reference;
  readonly secret?: SecretSource;
  readonly projected?: { readonly sources: readonly { readonly secret: SecretSource }[] };
}

/** The only manifest of the kind, or undefined. @throws Error when there are several */
export function find<K extends keyof Kinds>(manifests: readonly Manifest[], kind: K): Kinds[K] | undefined {
  const [found, another] = manifests.filter((manifest) => manifest.kind === kind);
  if (another !== undefined) throw new Error(`several manifests of kind ${kind}`);
  return found as Kinds[K] | undefined;
}

/** The same where there must be one. @throws Error when there is none */
export function get<K extends keyof Kinds>(manifests: readonly Manifest[], kind: K): Kinds[K] {
  const found = find(manifests, kind);
  if (found === undefined) throw new Error(`no manifest of kind ${kind}`);
  return found;
}

/** The only container of a pod. */
export function containerOf(pod: PodSpec): Container {
  const [container, another] = pod.containers;
  if (container === undefined || another !== undefined) throw new Error('not one container');
  return container;
}

/** Secrets by name that are not made by the manifests. */
export type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What the kubelet would give a container. */
export interface ContainerInputs {
  readonly env: Readonly<Record<string, string>>;
  /** Mounted files: absolute path → content. */
  readonly files: ReadonlyMap<string, string>;
  readonly mountPaths: readonly string[];
}

/**
 * The environment and the mounted files of a pod's container, from the ConfigMaps and Secrets among the manifests and the
 * other Secrets given.
 * @throws Error when a Secret, a ConfigMap or a key of one is not there: the pod would not start
 */
export function containerInputs(pod: PodSpec, manifests: readonly Manifest[], others: Secrets): ContainerInputs {
  const container = containerOf(pod);
  const sources = sourcesOf(manifests, others);
  const env: Record<string, string> = {};
  for (const { secretRef, configMapRef } of container.envFrom ?? []) {
    if (secretRef !== undefined) Object.assign(env, sources.secret(secretRef));
    if (configMapRef !== undefined) Object.assign(env, sources.configMap(configMapRef));
  }
  for (const { name, value, valueFrom } of container.env) {
    env[name] = value ?? (valueFrom === undefined ? '' : 'from the pod');
  }
  const files = new Map<string, string>();
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = pod.volumes?.find((candidate) => candidate.name === name);
    if (volume === undefined) throw new Error(`no volume ${name}`);
    for (const [path, content] of filesOf(volume, sources)) files.set(posix.join(mountPath, path), content);
  }
  return { env, files, mountPaths: (container.volumeMounts ?? []).map(({ mountPath }) => mountPath) };
}

interface Sources {
  secret(reference: Reference): Readonly<Record<string, string>>;
  configMap(reference: Reference): Readonly<Record<string, string>>;
}

function sourcesOf(manifests: readonly Manifest[], others: Secrets): Sources {
  const secret = find(manifests, 'Secret');
  const configMap = find(manifests, 'ConfigMap');
  const pick = (kind: string, { name, optional }: Reference, known: Secrets) => {
    const data = known[name];
    if (data === undefined && optional !== true) throw new Error(`no ${kind} ${name}`);
    return data ?? {};
  };
  const own = secret === undefined ? {} : { [secret.metadata.name]: decoded(secret.data) };
  const maps = configMap === undefined ? {} : { [configMap.metadata.name]: configMap.data };
  return {
    secret: (reference) => pick('Secret', reference, { ...others, ...own }),
    configMap: (reference) => pick('ConfigMap', reference, maps),
  };
}

function decoded(data: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

function filesOf(volume: Volume, sources: Sources): readonly (readonly [string, string])[] {
  if (volume.configMap !== undefined) return Object.entries(sources.configMap(volume.configMap));
  const secrets = volume.projected?.sources.map((source) => source.secret) ?? [volume.secret ?? []].flat();
  return secrets.flatMap(({ name, secretName, items }) => {
    const secret = name ?? secretName ?? '';
    const data = sources.secret({ name: secret });
    if (items === undefined) return Object.entries(data);
    return items.map(({ key, path }) => {
      const content = data[key];
      if (content === undefined) throw new Error(`no key ${key} in Secret ${secret}`);
      return [path, content] as const;
    });
  });
}
