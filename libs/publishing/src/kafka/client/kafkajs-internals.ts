import { createRequire } from 'node:module';
import { AppError } from '#lib/kernel';

/*
 * The only place that reaches into kafkajs's own files. Its protocol requests and its SASL exchange are used; its
 * connections, queues and producer are not: they lose track of order and time (a retried request is overtaken, a
 * connection that stands still is waited for, an idle queue wakes up every millisecond).
 */

/** The version whose files are known to fit. */
const KNOWN_VERSION = '2.2.4';

/** A request's bytes and how to read the answer. */
export interface ProtocolCall<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    encode(): Promise<{ readonly buffer: Buffer }>;
  };
  readonly response: { decode(payload: Buffer): Promise<T>; parse(data: T): Promise<T> };
}

/** Makes calls of one API and version. */
export type CallMaker<O, T> = (options: O) => ProtocolCall<T>;

interface Definition<O, T> {
  readonly versions: readonly string[];
  protocol(version: { readonly version: number }): CallMaker<O, T>;
}

/** The protocol's requests that are used: what each takes and what its `decode` gives. */
interface Requests {
  readonly ApiVersions: Definition<void, { readonly apiVersions: readonly ApiVersion[] }>;
  readonly Metadata: Definition<{ topics: readonly string[]; allowAutoTopicCreation: false }, Metadata>;
  readonly GroupCoordinator: Definition<{ groupId: string; coordinatorType: number }, Coordinator>;
  readonly InitProducerId: Definition<
    { transactionalId: string | undefined; transactionTimeout: number },
    { readonly errorCode: number; readonly producerId: string; readonly producerEpoch: number }
  >;
  readonly DescribeConfigs: Definition<
    { resources: readonly { type: number; name: string; configNames: readonly string[] }[]; includeSynonyms: false },
    { readonly resources: readonly ConfigResource[] }
  >;
  readonly CreateTopics: Definition<
    {
      topics: readonly { topic: string; numPartitions: number; replicationFactor: number }[];
      timeout: number;
      validateOnly: false;
    },
    { readonly topicErrors: readonly { topic: string; errorCode: number; errorMessage: string | null }[] }
  >;
}

interface ApiVersion {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface Metadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      readonly leader: number;
      readonly replicas: readonly number[];
    }[];
  }[];
}

interface Coordinator {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
}

interface ConfigResource {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceName: string;
  readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
}

/** A broker's versions by API key. */
export type Versions = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;

/** What the SASL exchange needs of a connection. It adds a field to `sasl`. */
export interface SaslConnection {
  readonly host: string;
  readonly port: number;
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string };
  send<T>(call: ProtocolCall<T>): Promise<T>;
}

interface QuietLogger {
  namespace(): QuietLogger;
  debug(): void;
  info(): void;
  warn(): void;
  error(): void;
}

/** One exchange on one connection. `sessionLifetime`: milliseconds in decimal, `0` for ever. */
interface SaslExchange {
  readonly sessionLifetime: string;
  authenticate(): Promise<void>;
}

type SaslAuthenticator = new (
  connection: SaslConnection,
  logger: QuietLogger,
  versions: Versions,
  withSaslAuthenticate: true,
) => SaslExchange;

export interface KafkajsInternals {
  readonly requests: Requests;
  readonly apiKeys: Readonly<Record<keyof Requests | 'Produce', number>>;
  saslExchange(connection: SaslConnection, versions: Versions): SaslExchange;
}

const QUIET: QuietLogger = {
  namespace: () => QUIET,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Loads what is used of kafkajs.
 * @param require finds modules; default: from here
 * @throws AppError BROKER_CONFIG when another version is installed
 */
export function loadKafkajs(require: (id: string) => unknown = createRequire(import.meta.url)): KafkajsInternals {
  const { version } = require('kafkajs/package.json') as { readonly version: string };
  if (version !== KNOWN_VERSION) {
    throw new AppError('BROKER_CONFIG', `kafkajs ${version} is installed; the Kafka publisher needs ${KNOWN_VERSION}`, {
      remedy: `npm install kafkajs@${KNOWN_VERSION}`,
    });
  }
  const { requests } = require('kafkajs/src/protocol/requests') as { readonly requests: Requests };
  const Authenticator = require('kafkajs/src/broker/saslAuthenticator') as SaslAuthenticator;
  return {
    requests,
    apiKeys: require('kafkajs/src/protocol/requests/apiKeys') as KafkajsInternals['apiKeys'],
    saslExchange: (connection, versions) => new Authenticator(connection, QUIET, versions, true),
  };
}
