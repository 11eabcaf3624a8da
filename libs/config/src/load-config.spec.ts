import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load-config.js';
import { LEAST, loadEnv, loadIn } from './testing/load.js';

function fixture(name: string): string {
  return readFileSync(new URL(`../../../test/support/fixtures/${name}`, import.meta.url), 'utf8');
}

const DEFAULTS = {
  listener: {
    slotName: 'wal_listener',
    publication: ['wal-listener'],
    serverPort: undefined,
    refreshConnectionMs: 30_000,
    heartbeatIntervalMs: 10_000,
    ackTimeoutMs: 30_000,
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
  },
  database: {
    hosts: ['localhost'],
    port: 5432,
    name: 'shop',
    user: 'replicator',
    password: '',
    ssl: {
      mode: 'disable',
      caCert: undefined,
      clientCert: undefined,
      clientKey: undefined,
      serverName: undefined,
    },
    debug: false,
  },
  publisher: {
    type: 'nats',
    addresses: ['nats://localhost:4222'],
    topic: 'shop',
    topicPrefix: '',
    messageKeyFrom: undefined,
    onPoison: 'halt',
    unroutable: 'warn',
    maxInFlightEvents: 16_384,
    maxInFlightBytes: 33_554_432,
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
  },
  logger: { level: 'info', fmt: 'json' },
  monitoring: { sentryDSN: undefined, promAddr: undefined, maxLabelValues: 500 },
  tags: undefined,
  shutdownTimeoutMs: 25_000,
  heapSnapshotDir: undefined,
};

const FROM_BOTH_FILES = {
  slotName: 'orders_slot',
  serverPort: 8080,
  filterTables: new Map([['invoices', ['insert', 'update']]]),
};

describe('loadConfig', () => {
  it('fills in every default', () => {
    expect(loadIn({ env: LEAST })).toStrictEqual({ config: DEFAULTS, file: undefined, warnings: [], ignored: [] });
  });

  it("resolves the fork's file", () => {
    const loaded = loadIn({ configPath: 'fork.yml', files: { '/app/fork.yml': fixture('fork.yml') } });
    expect(loaded.config).toStrictEqual({
      ...DEFAULTS,
      listener: {
        ...DEFAULTS.listener,
        ...FROM_BOTH_FILES,
        includeTables: new Map([['invoices', ['insert']]]),
        exclude: { schemas: ['internal'], tables: ['audit_log'], columns: ['password_digest'] },
        topicsMap: new Map([
          ['public_invoices', 'billing'],
          ['/^public_(.*)$/', 'app_$1'],
        ]),
        skipTransactionBuffering: true,
        dropForeignOrigin: true,
        maxTransactionSize: 5000,
      },
      database: {
        ...DEFAULTS.database,
        hosts: ['db.internal'],
        password: 'example',
        ssl: { ...DEFAULTS.database.ssl, mode: 'verify-full', serverName: 'db.internal' },
      },
      publisher: {
        ...DEFAULTS.publisher,
        type: 'kafka',
        addresses: ['kafka.internal:9092'],
        topicPrefix: 'cdc_',
        tls: {
          enabled: true,
          caCert: 'ca.pem',
          clientCert: 'client.pem',
          clientKey: 'client.key',
          serverName: undefined,
        },
      },
      logger: { level: 'debug', fmt: 'text' },
      monitoring: { ...DEFAULTS.monitoring, promAddr: { host: undefined, port: 2112 } },
      tags: new Map([['region', 'eu']]),
    });
    expect(loaded.file).toBe('/app/fork.yml');
    expect(loaded.warnings).toEqual([
      'listener.filter.tables is set: only this is published: invoices (insert, update)',
    ]);
  });

  it("resolves upstream's file", () => {
    const loaded = loadIn({ configPath: '/etc/up.yml', files: { '/etc/up.yml': fixture('upstream.yml') } });
    expect(loaded.config).toStrictEqual({
      ...DEFAULTS,
      listener: {
        ...DEFAULTS.listener,
        ...FROM_BOTH_FILES,
        topicsMap: new Map([['public_invoices', 'billing']]),
      },
      database: {
        ...DEFAULTS.database,
        hosts: ['db.internal'],
        password: 'example',
        ssl: { ...DEFAULTS.database.ssl, mode: 'verify-full' },
      },
      publisher: {
        ...DEFAULTS.publisher,
        type: 'rabbitmq',
        addresses: ['amqp://guest:guest@mq.internal:5672/'],
        messageKeyFrom: { kind: 'all', columns: ['tenant_id'] },
      },
      monitoring: { ...DEFAULTS.monitoring, promAddr: { host: undefined, port: 2112 } },
    });
  });

  it('prefers the environment to .env, .env to the file, the file to the default', () => {
    const files = {
      '/app/.env': 'WAL_LISTENER_SLOT_NAME=from_dotenv\nWAL_PUBLISHER_TOPIC_PREFIX=dotenv_\nOTHER=1\n',
      '/app/config.yml': [
        'listener: {slotName: from_file, ackTimeout: 1s}',
        'publisher: {topicPrefix: file_, topic: file, type: kafka}',
        'database: {name: file, user: file}',
      ].join('\n'),
    };
    const { config, file } = loadIn({
      env: { WAL_LISTENER_SLOT_NAME: 'from_env', WAL_PUBLISHER_TYPE: 'nats' },
      files,
    });
    expect(file).toBe('/app/config.yml');
    expect(config.listener.slotName).toBe('from_env');
    expect(config.publisher).toMatchObject({ type: 'nats', topicPrefix: 'dotenv_', topic: 'file' });
    expect(config.listener.ackTimeoutMs).toBe(1000);
    expect(config.listener.heartbeatIntervalMs).toBe(10_000);
  });

  it('finds the file by argument, then WAL_CONFIG, then ./config.yml', () => {
    const files = {
      '/app/config.yml': 'listener: {slotName: default_file}',
      '/etc/a.yml': 'listener: {slotName: from_variable}',
      '/app/b.yml': 'listener: {slotName: from_argument}',
    };
    const env = { ...LEAST, WAL_CONFIG: '/etc/a.yml' };
    expect(loadIn({ env, files, configPath: './b.yml' }).config.listener.slotName).toBe('from_argument');
    expect(loadIn({ env, files }).config.listener.slotName).toBe('from_variable');
    expect(loadIn({ env: { ...env, WAL_CONFIG: '' }, files }).config.listener.slotName).toBe('default_file');
    const dotenv = { ...files, '/app/.env': 'WAL_CONFIG=/etc/a.yml' };
    expect(loadIn({ env: LEAST, files: dotenv }).config.listener.slotName).toBe('from_variable');
  });

  it('replaces a map of the file whole by one of the environment', () => {
    const files = { '/app/config.yml': 'tags: {a: "1", b: "2"}\nlistener: {filter: {tables: {users: [insert]}}}' };
    const { config } = loadEnv({ WAL_TAGS: '{"c":"3"}' }, files);
    expect(config.tags).toEqual(new Map([['c', '3']]));
    expect(config.listener.filterTables).toEqual(new Map([['users', ['insert']]]));
  });

  it('freezes the result, maps included', () => {
    const { config } = loadEnv({ WAL_TAGS: '{"a":"b"}', WAL_LISTENER_FILTER_TABLES: '{"users":["insert"]}' });
    expect(Object.isFrozen(config.publisher.nats)).toBe(true);
    expect(Object.isFrozen(config.listener.publication)).toBe(true);
    expect(() => (config.tags as Map<string, string>).set('x', 'y')).toThrow(TypeError);
    expect(Object.isFrozen(config.listener.filterTables?.get('users'))).toBe(true);
  });

  it('reads real files, passes over a directory called .env, and refuses one as configuration', () => {
    const cwd = mkdtempSync(join(tmpdir(), 'wal-config-'));
    try {
      mkdirSync(join(cwd, '.env'));
      writeFileSync(join(cwd, 'config.yml'), '\uFEFFlistener: {slotName: from_disk}\r\n');
      writeFileSync(join(cwd, 'password'), 'geheim\n');
      const loaded = loadConfig({ env: { ...LEAST, WAL_DATABASE_PASSWORD_FILE: 'password' }, cwd });
      expect(loaded.file).toBe(join(cwd, 'config.yml'));
      expect(loaded.config.listener.slotName).toBe('from_disk');
      expect(loaded.config.database.password).toBe('geheim');
      expect(() => loadConfig({ env: LEAST, cwd, configPath: '.' })).toThrow('it is a directory');
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});
