/** The actions a filter names, as in the configuration file. */
export type FilterAction = 'insert' | 'update' | 'delete' | 'truncate';

/** Table name (`table`, `schema.table` or `/regex/`) → actions, in file order. */
export type TableActions = ReadonlyMap<string, readonly FilterAction[]>;

export type SslMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';
export type PublisherType = 'nats' | 'kafka' | 'rabbitmq' | 'google_pubsub' | 'stdout';

/**
 * The resolved configuration: parsed, validated, defaults filled in, frozen. Durations are milliseconds (`…Ms`), sizes
 * bytes (`…Bytes`). What each key means is in docs/configuration.md, generated from the schema beside this file.
 */
export interface AppConfig {
  readonly listener: ListenerConfig;
  readonly database: DatabaseConfig;
  readonly publisher: PublisherConfig;
  readonly logger: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fmt: 'json' | 'text' };
  readonly monitoring: {
    readonly sentryDSN: string | undefined;
    /** Where /metrics listens; undefined = off. */
    readonly promAddr: { readonly host: string | undefined; readonly port: number } | undefined;
    readonly maxLabelValues: number;
  };
  /** Added to every event; undefined = `"tags":null`. */
  readonly tags: ReadonlyMap<string, string> | undefined;
  readonly shutdownTimeoutMs: number;
  readonly heapSnapshotDir: string | undefined;
}

export interface ListenerConfig {
  readonly slotName: string;
  /** At least one name, in the order given. */
  readonly publication: readonly string[];
  /** HTTP port of the probes; undefined = off. */
  readonly serverPort: number | undefined;
  readonly refreshConnectionMs: number;
  readonly heartbeatIntervalMs: number;
  readonly ackTimeoutMs: number;
  /** Undefined = everything. */
  readonly filterTables: TableActions | undefined;
  readonly includeTables: TableActions;
  readonly exclude: {
    readonly schemas: readonly string[];
    readonly tables: readonly string[];
    readonly columns: readonly string[];
  };
  /** `schema_table` or `/regex/` → name, in file order. */
  readonly topicsMap: ReadonlyMap<string, string>;
  readonly skipTransactionBuffering: boolean;
  readonly dropForeignOrigin: boolean;
  /** 0 = off. */
  readonly maxTransactionSize: number;
  readonly maxPauseMs: number;
  readonly onSlotLost: 'halt' | 'recreate';
  readonly createSlot: 'auto' | 'never';
  readonly failoverSlot: boolean;
  readonly allowMissingReplicaIdentity: boolean;
}

export interface DatabaseConfig {
  /** One or several, tried in order until one is read-write. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly name: string;
  readonly user: string;
  readonly password: string;
  readonly ssl: {
    readonly mode: SslMode;
    /** Paths of PEM files. */
    readonly caCert: string | undefined;
    readonly clientCert: string | undefined;
    readonly clientKey: string | undefined;
    readonly serverName: string | undefined;
  };
  readonly debug: boolean;
}

export interface PublisherConfig {
  readonly type: PublisherType;
  /** At least one (none for stdout); the broker's usual local address, for Pub/Sub Google's, by default. */
  readonly addresses: readonly string[];
  /** Empty only for stdout. */
  readonly topic: string;
  readonly topicPrefix: string;
  /** Columns of the ordering key: for every table, or by table name (`table` or `schema.table`). */
  readonly messageKeyFrom:
    | undefined
    | { readonly kind: 'all'; readonly columns: readonly string[] }
    | { readonly kind: 'byTable'; readonly tables: ReadonlyMap<string, readonly string[]> };
  readonly onPoison: 'halt' | 'deadLetter' | 'skip';
  readonly unroutable: 'warn' | 'block';
  readonly maxInFlightEvents: number;
  readonly maxInFlightBytes: number;
  readonly metadata: boolean;
  readonly pretty: boolean;
  readonly ordering: 'strict' | 'relaxed';
  readonly exchangeKind: 'topic' | 'fanout' | 'direct';
  readonly tls: {
    readonly enabled: boolean;
    /** Paths of PEM files. */
    readonly caCert: string | undefined;
    readonly clientCert: string | undefined;
    readonly clientKey: string | undefined;
    readonly serverName: string | undefined;
  };
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly saslMechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | undefined;
  readonly credsFile: string | undefined;
  readonly nkeySeedFile: string | undefined;
  readonly token: string | undefined;
  readonly pubSubProjectID: string | undefined;
  readonly enableOrdering: boolean;
  readonly nats: {
    readonly storage: 'file' | 'memory';
    readonly replicas: number;
    /** 0 = unlimited. */
    readonly maxAgeMs: number;
    /** 0 = unlimited. */
    readonly maxBytes: number;
    readonly duplicateWindowMs: number;
    readonly chain: 'auto' | 'on' | 'off';
  };
  readonly kafka: {
    readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
    readonly autoCreateTopics: boolean;
    readonly partitions: number | undefined;
    readonly replicationFactor: number | undefined;
  };
  readonly rabbitmq: { readonly declareExchange: boolean };
  readonly pubsub: {
    readonly createTopics: boolean;
    readonly credentialsFile: string | undefined;
    readonly orderingBuckets: number;
  };
}
