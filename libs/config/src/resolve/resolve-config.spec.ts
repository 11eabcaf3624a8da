import { describe, expect, it } from 'vitest';
import { faultsOf, loadEnv } from '../testing/load.js';

describe('resolveConfig', () => {
  it('resolves every other key', () => {
    const { config } = loadEnv({
      WAL_LISTENER_SLOT_NAME: 's',
      WAL_LISTENER_PUBLICATION: '["p,1","p2"]',
      WAL_LISTENER_SERVER_PORT: '8080',
      WAL_LISTENER_REFRESH_CONNECTION: '1s',
      WAL_LISTENER_HEARTBEAT_INTERVAL: '2s',
      WAL_LISTENER_ACK_TIMEOUT: '3s',
      WAL_LISTENER_FILTER_TABLES: '{"f":["truncate"]}',
      WAL_LISTENER_INCLUDE_TABLES: '{"i":["delete"]}',
      WAL_LISTENER_EXCLUDE_SCHEMAS: 'es',
      WAL_LISTENER_EXCLUDE_TABLES: 'et',
      WAL_LISTENER_EXCLUDE_COLUMNS: 'ec',
      WAL_LISTENER_TOPICS_MAP: '{"public_a":"b"}',
      WAL_LISTENER_SKIP_TRANSACTION_BUFFERING: 'true',
      WAL_LISTENER_DROP_FOREIGN_ORIGIN: 'true',
      WAL_LISTENER_MAX_TRANSACTION_SIZE: '9',
      WAL_LISTENER_MAX_PAUSE: '4s',
      WAL_LISTENER_ON_SLOT_LOST: 'recreate',
      WAL_LISTENER_CREATE_SLOT: 'never',
      WAL_LISTENER_FAILOVER_SLOT: 'true',
      WAL_LISTENER_ALLOW_MISSING_REPLICA_IDENTITY: 'true',
      WAL_DATABASE_HOST: 'h1,h2',
      WAL_DATABASE_PORT: '1',
      WAL_DATABASE_NAME: 'n',
      WAL_DATABASE_USER: 'u',
      WAL_DATABASE_PASSWORD: ' p ',
      WAL_DATABASE_SSL_MODE: 'verify-ca',
      WAL_DATABASE_CA_CERT: 'ca',
      WAL_DATABASE_CLIENT_CERT: 'cc',
      WAL_DATABASE_CLIENT_KEY: 'ck',
      WAL_DATABASE_SSL_SERVER_NAME: 'sn',
      WAL_DATABASE_DEBUG: 'true',
      WAL_LOGGER_LEVEL: 'error',
      WAL_LOGGER_FMT: 'text',
      WAL_MONITORING_SENTRY_DSN: 'http://public@127.0.0.1:9000/1',
      WAL_MONITORING_PROM_ADDR: 'localhost:2112',
      WAL_MONITORING_MAX_LABEL_VALUES: '5',
      WAL_TAGS: '{"a":"b"}',
      WAL_SHUTDOWN_TIMEOUT: '5s',
      WAL_HEAP_SNAPSHOT_DIR: '/heap',
    });
    expect({ ...config, publisher: undefined }).toStrictEqual({
      listener: {
        slotName: 's',
        publication: ['p,1', 'p2'],
        serverPort: 8080,
        refreshConnectionMs: 1000,
        heartbeatIntervalMs: 2000,
        ackTimeoutMs: 3000,
        filterTables: new Map([['f', ['truncate']]]),
        includeTables: new Map([['i', ['delete']]]),
        exclude: { schemas: ['es'], tables: ['et'], columns: ['ec'] },
        topicsMap: new Map([['public_a', 'b']]),
        skipTransactionBuffering: true,
        dropForeignOrigin: true,
        maxTransactionSize: 9,
        maxPauseMs: 4000,
        onSlotLost: 'recreate',
        createSlot: 'never',
        failoverSlot: true,
        allowMissingReplicaIdentity: true,
      },
      database: {
        hosts: ['h1', 'h2'],
        port: 1,
        name: 'n',
        user: 'u',
        password: ' p ',
        ssl: { mode: 'verify-ca', caCert: 'ca', clientCert: 'cc', clientKey: 'ck', serverName: 'sn' },
        debug: true,
      },
      publisher: undefined,
      logger: { level: 'error', fmt: 'text' },
      monitoring: {
        sentryDSN: 'http://public@127.0.0.1:9000/1',
        promAddr: { host: 'localhost', port: 2112 },
        maxLabelValues: 5,
      },
      tags: new Map([['a', 'b']]),
      shutdownTimeoutMs: 5000,
      heapSnapshotDir: '/heap',
    });
  });

  it('gives probes and metrics a port each', () => {
    const env = { WAL_LISTENER_SERVER_PORT: '8080', WAL_MONITORING_PROM_ADDR: '127.0.0.1:8080' };
    expect(faultsOf(env)).toMatchObject([{ path: 'monitoring.promAddr', source: 'WAL_MONITORING_PROM_ADDR' }]);
  });

  it('lists what the filter lets through, in one line', () => {
    const { warnings } = loadEnv({ WAL_LISTENER_FILTER_TABLES: '{"users":["insert","delete"],"a b\\n":[]}' });
    expect(warnings).toEqual([
      String.raw`listener.filter.tables is set: only this is published: users (insert, delete); "a b\n" (nothing)`,
    ]);
  });
});
