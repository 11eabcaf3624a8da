import type { AppConfig, ListenerConfig, PublisherConfig } from '#lib/config';

const LISTENER: ListenerConfig = {
  slotName: 'wal_listener',
  publication: ['wal-listener'],
  serverPort: undefined,
  refreshConnectionMs: 30_000,
  heartbeatIntervalMs: 10_000,
  ackTimeoutMs: 5000,
  filterTables: undefined,
  includeTables: new Map(),
  exclude: { schemas: [], tables: [], columns: [] },
  topicsMap: new Map(),
  skipTransactionBuffering: false,
  dropForeignOrigin: false,
  maxTransactionSize: 0,
  maxPauseMs: 60_000,
  onSlotLost: 'halt',
  createSlot: 'auto',
  failoverSlot: false,
  allowMissingReplicaIdentity: false,
};

const PUBLISHER: Omit<PublisherConfig, 'type'> = {
  addresses: [],
  topic: 'app',
  topicPrefix: '',
  messageKeyFrom: undefined,
  onPoison: 'halt',
  unroutable: 'warn',
  maxInFlightEvents: 16384,
  maxInFlightBytes: 32 * 1024 * 1024,
  metadata: false,
  pretty: false,
  ordering: 'strict',
  exchangeKind: 'topic',
  tls: { enabled: false, caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined },
  username: undefined,
  password: undefined,
  saslMechanism: undefined,
  credsFile: undefined,
  nkeySeedFile: undefined,
  token: undefined,
  pubSubProjectID: undefined,
  enableOrdering: true,
  nats: { storage: 'file', replicas: 1, maxAgeMs: 0, maxBytes: 0, duplicateWindowMs: 120_000, chain: 'auto' },
  kafka: { compression: 'none', autoCreateTopics: false, partitions: undefined, replicationFactor: undefined },
  rabbitmq: { declareExchange: true },
  pubsub: { createTopics: false, credentialsFile: undefined, orderingBuckets: 256 },
};

/** The parts of the configuration that a publisher reads, all others at their defaults. */
export function publisherTestConfig(
  publisher: Partial<PublisherConfig> & Pick<PublisherConfig, 'type'>,
  ackTimeoutMs = 5000,
): AppConfig {
  return {
    publisher: { ...PUBLISHER, ...publisher },
    listener: { ...LISTENER, ackTimeoutMs },
    database: {
      hosts: ['localhost'],
      port: 5432,
      name: 'app',
      user: 'app',
      password: '',
      ssl: { mode: 'disable', caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined },
      debug: false,
    },
    logger: { level: 'info', fmt: 'json' },
    monitoring: { sentryDSN: undefined, promAddr: undefined, maxLabelValues: 500 },
    tags: undefined,
    shutdownTimeoutMs: 25_000,
    heapSnapshotDir: undefined,
  };
}
