import { describe, expect, it } from 'vitest';
import { errorOf, faultsOf, LEAST, loadEnv, loadIn } from '../testing/load.js';

describe('publisher', () => {
  it.each([
    ['nats', ['nats://localhost:4222']],
    ['kafka', ['localhost:9092']],
    ['rabbitmq', ['amqp://localhost:5672']],
    ['google_pubsub', ['pubsub.googleapis.com:443']],
    ['stdout', []],
  ])('knows the usual address of %s', (type, addresses) => {
    const { config } = loadEnv({ WAL_PUBLISHER_TYPE: type, WAL_PUBLISHER_PUBSUB_PROJECT_ID: 'p' });
    expect(config.publisher.addresses).toEqual(addresses);
  });

  it('splits addresses and completes those of RabbitMQ', () => {
    expect(loadEnv({ WAL_PUBLISHER_ADDRESS: 'nats://a:1, b:2' }).config.publisher.addresses).toEqual([
      'nats://a:1',
      'b:2',
    ]);
    const rabbit = {
      WAL_PUBLISHER_TYPE: 'rabbitmq',
      WAL_PUBLISHER_ADDRESS: 'mq:5671',
      WAL_PUBLISHER_ENABLE_TLS: 'true',
    };
    expect(loadEnv(rabbit).config.publisher.addresses).toEqual(['amqps://mq:5671']);
  });

  // What Go's url.Parse takes in user information without percent-encoding.
  it.each([
    ['rabbitmq', "amqp://me:p@s:s!$&'()*+;=~-._@mq:5672/v"],
    ['nats', 'nats://me@shop:p@ss@a:4222'],
  ])('takes for %s the address %s', (type, address) => {
    const env = { WAL_PUBLISHER_TYPE: type, WAL_PUBLISHER_ADDRESS: address };
    expect(loadEnv(env).config.publisher.addresses).toEqual([address]);
  });

  it('turns TLS on for addresses that ask for it', () => {
    expect(loadEnv({ WAL_PUBLISHER_ADDRESS: 'tls://a:1' }).config.publisher.tls.enabled).toBe(true);
    expect(loadEnv({ WAL_PUBLISHER_ADDRESS: 'nats://a:1' }).config.publisher.tls.enabled).toBe(false);
    const { config } = loadEnv({ WAL_PUBLISHER_TYPE: 'rabbitmq', WAL_PUBLISHER_ADDRESS: 'amqps://a' });
    expect(config.publisher.tls.enabled).toBe(true);
  });

  it('warns about certificates without TLS', () => {
    expect(loadEnv({ WAL_PUBLISHER_CA_CERT: 'ca.pem' }).warnings).toEqual([
      'publisher.enableTLS is false: the connection is not encrypted; without effect: publisher.caCert',
    ]);
  });

  it.each([
    ['nats', 'http://a:1'],
    ['nats', 'a:99999'],
    ['nats', 'a b'],
    ['kafka', 'kafka://a:1'],
    ['kafka', 'a:0'],
    ['rabbitmq', 'nats://a'],
    ['rabbitmq', 'amqp://me:p/ss@a'],
    ['rabbitmq', 'amqp://me:p#ss@a'],
    ['rabbitmq', 'amqp://me:1/p@ss@a'],
    ['google_pubsub', 'https://a'],
  ])('refuses for %s the address %s', (type, address) => {
    const env = { WAL_PUBLISHER_TYPE: type, WAL_PUBLISHER_ADDRESS: address, WAL_PUBLISHER_PUBSUB_PROJECT_ID: 'p' };
    expect(faultsOf(env)).toMatchObject([{ path: 'publisher.address', source: 'WAL_PUBLISHER_ADDRESS' }]);
  });

  it('needs no topic for stdout alone', () => {
    const env = { ...LEAST, WAL_PUBLISHER_TYPE: 'stdout', WAL_PUBLISHER_TOPIC: '' };
    expect(loadIn({ env }).config.publisher.topic).toBe('');
    expect(errorOf({ env: { ...env, WAL_PUBLISHER_TYPE: 'nats' } }).faults).toMatchObject([
      { kind: 'missing', path: 'publisher.topic' },
    ]);
  });

  it.each([
    [{ TYPE: 'google_pubsub' }, 'publisher.pubSubProjectID'],
    [{ CLIENT_CERT: 'c', ENABLE_TLS: 'true' }, 'publisher.clientKey'],
    [{ PASSWORD: 'x' }, 'publisher.username'],
    [{ TYPE: 'kafka', USERNAME: 'u', PASSWORD: 'p' }, 'publisher.saslMechanism'],
    [{ TYPE: 'kafka', SASL_MECHANISM: 'PLAIN', USERNAME: 'u' }, 'publisher.password'],
    [{ TOKEN: 't', CREDS_FILE: 'c' }, 'publisher.credsFile'],
    [{ NATS_MAX_AGE: '1m' }, 'publisher.nats.maxAge'],
    [{ NATS_MAX_AGE: '1m', NATS_DUPLICATE_WINDOW: '5m' }, 'publisher.nats.duplicateWindow'],
  ])('refuses %j', (keys, path) => {
    const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`WAL_PUBLISHER_${key}`, value]));
    expect(faultsOf(env)).toMatchObject([{ path }]);
  });

  it('resolves every key of every broker', () => {
    const keys = {
      TYPE: 'kafka',
      ADDRESS: 'k1:9092,k2:9092',
      TOPIC: 't',
      TOPIC_PREFIX: 'p_',
      MESSAGE_KEY_FROM: 'id',
      ON_POISON: 'skip',
      UNROUTABLE: 'block',
      MAX_IN_FLIGHT_EVENTS: '7',
      MAX_IN_FLIGHT_BYTES: '1MB',
      METADATA: 'true',
      PRETTY: 'true',
      ORDERING: 'relaxed',
      EXCHANGE_KIND: 'direct',
      ENABLE_TLS: 'true',
      CA_CERT: 'ca',
      CLIENT_CERT: 'cc',
      CLIENT_KEY: 'ck',
      SERVER_NAME: 'sn',
      USERNAME: 'u',
      PASSWORD: 'pw',
      SASL_MECHANISM: 'scram-sha-256',
      CREDS_FILE: 'cf',
      NKEY_SEED_FILE: 'nk',
      TOKEN: 'tok',
      PUB_SUB_PROJECT_ID: 'proj',
      ENABLE_ORDERING: 'false',
      NATS_STORAGE: 'memory',
      NATS_REPLICAS: '3',
      NATS_MAX_AGE: '1h',
      NATS_MAX_BYTES: '1GB',
      NATS_DUPLICATE_WINDOW: '3m',
      NATS_CHAIN: 'off',
      KAFKA_COMPRESSION: 'gzip',
      KAFKA_AUTO_CREATE_TOPICS: 'true',
      KAFKA_PARTITIONS: '4',
      KAFKA_REPLICATION_FACTOR: '2',
      RABBITMQ_DECLARE_EXCHANGE: 'false',
      PUBSUB_CREATE_TOPICS: 'true',
      PUBSUB_CREDENTIALS_FILE: 'gcp',
      PUBSUB_ORDERING_BUCKETS: '8',
    };
    const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`WAL_PUBLISHER_${key}`, value]));
    expect(loadEnv(env).config.publisher).toStrictEqual({
      type: 'kafka',
      addresses: ['k1:9092', 'k2:9092'],
      topic: 't',
      topicPrefix: 'p_',
      messageKeyFrom: { kind: 'all', columns: ['id'] },
      onPoison: 'skip',
      unroutable: 'block',
      maxInFlightEvents: 7,
      maxInFlightBytes: 1_048_576,
      metadata: true,
      pretty: true,
      ordering: 'relaxed',
      exchangeKind: 'direct',
      tls: { enabled: true, caCert: 'ca', clientCert: 'cc', clientKey: 'ck', serverName: 'sn' },
      username: 'u',
      password: 'pw',
      saslMechanism: 'scram-sha-256',
      credsFile: 'cf',
      nkeySeedFile: 'nk',
      token: 'tok',
      pubSubProjectID: 'proj',
      enableOrdering: false,
      nats: {
        storage: 'memory',
        replicas: 3,
        maxAgeMs: 3_600_000,
        maxBytes: 1_073_741_824,
        duplicateWindowMs: 180_000,
        chain: 'off',
      },
      kafka: { compression: 'gzip', autoCreateTopics: true, partitions: 4, replicationFactor: 2 },
      rabbitmq: { declareExchange: false },
      pubsub: { createTopics: true, credentialsFile: 'gcp', orderingBuckets: 8 },
    });
  });
});
