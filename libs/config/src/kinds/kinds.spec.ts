import { describe, expect, it } from 'vitest';
import { faultsOf, loadEnv } from '../testing/load.js';

function refused(name: string, text: string) {
  const [fault, ...others] = faultsOf({ [name]: text });
  expect(others).toEqual([]);
  expect(fault).toMatchObject({ kind: 'invalid', source: name });
  return fault;
}

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2m0.25s', 120_250],
    ['1500us', 1.5],
    ['+1s', 1000],
  ])('reads %s', (text, ms) => {
    expect(loadEnv({ WAL_LISTENER_ACK_TIMEOUT: text }).config.listener.ackTimeoutMs).toBe(ms);
  });

  it.each(['30', '1.5', '30000'])('refuses the bare number %s and says so', (text) => {
    const fault = refused('WAL_LISTENER_ACK_TIMEOUT', text);
    expect(fault?.accepted).toContain('a bare number has no unit');
    expect(fault?.found).toBe(JSON.stringify(text));
  });

  it.each(['-5s', '30 s', '1d', 's', '5sec', '1h-3m', '0s', '100us', '25h', '1e3s', '٣s'])('refuses %s', (text) => {
    expect(refused('WAL_LISTENER_ACK_TIMEOUT', text)?.path).toBe('listener.ackTimeout');
  });

  it('refuses a long run of digits at once', () => {
    // Minutes of backtracking if digits could be divided in more than one way.
    expect(refused('WAL_LISTENER_ACK_TIMEOUT', '1'.repeat(200_000))?.accepted).toContain('a bare number has no unit');
  });

  it('takes 0 where it means something', () => {
    expect(loadEnv({ WAL_PUBLISHER_NATS_MAX_AGE: '0', WAL_SHUTDOWN_TIMEOUT: '0s' }).config).toMatchObject({
      shutdownTimeoutMs: 0,
      publisher: { nats: { maxAgeMs: 0 } },
    });
  });
});

describe('sizes', () => {
  it.each([
    ['512KB', 524_288],
    ['32MB', 33_554_432],
    ['1.5 gb', 1_610_612_736],
    ['2MiB', 2_097_152],
    ['4096', 4096],
    ['100B', 100],
  ])('reads %s', (text, bytes) => {
    expect(loadEnv({ WAL_PUBLISHER_MAX_IN_FLIGHT_BYTES: text }).config.publisher.maxInFlightBytes).toBe(bytes);
  });

  it.each(['0', '-1', '12XB', '1.5', '0.3KB', '99999999TB', 'MB', 'many'])('refuses %s', (text) => {
    expect(refused('WAL_PUBLISHER_MAX_IN_FLIGHT_BYTES', text)?.path).toBe('publisher.maxInFlightBytes');
  });
});

describe('true and false', () => {
  it.each(['true', 'TRUE', '1', 'yes', 'on'])('%s is true', (text) => {
    expect(loadEnv({ WAL_LISTENER_FAILOVER_SLOT: text }).config.listener.failoverSlot).toBe(true);
  });

  it.each(['false', 'False', '0', 'no', 'off'])('%s is false', (text) => {
    expect(loadEnv({ WAL_PUBLISHER_ENABLE_ORDERING: text }).config.publisher.enableOrdering).toBe(false);
  });

  it.each(['2', 'maybe', 'truee'])('refuses %s', (text) => {
    expect(refused('WAL_LISTENER_FAILOVER_SLOT', text)?.accepted).toBe('true or false');
  });
});

describe('numbers, words and addresses', () => {
  it.each([
    ['WAL_DATABASE_PORT', '0'],
    ['WAL_DATABASE_PORT', '65536'],
    ['WAL_DATABASE_PORT', '54.32'],
    ['WAL_DATABASE_PORT', '0x1538'],
    ['WAL_LISTENER_SERVER_PORT', '-1'],
    ['WAL_LISTENER_MAX_TRANSACTION_SIZE', '-1'],
    ['WAL_PUBLISHER_MAX_IN_FLIGHT_EVENTS', '0'],
    ['WAL_PUBLISHER_NATS_REPLICAS', '6'],
    ['WAL_PUBLISHER_KAFKA_PARTITIONS', '99999999999999999999'],
    ['WAL_PUBLISHER_PUBSUB_ORDERING_BUCKETS', '0'],
    ['WAL_MONITORING_MAX_LABEL_VALUES', '0'],
    ['WAL_LISTENER_SLOT_NAME', 'Upper'],
    ['WAL_LISTENER_SLOT_NAME', 'a'.repeat(64)],
    ['WAL_LISTENER_SLOT_NAME', 'with-dash'],
    ['WAL_LISTENER_PUBLICATION', 'p'.repeat(64)],
    ['WAL_LISTENER_PUBLICATION', ' , '],
    ['WAL_LISTENER_CREATE_SLOT', 'sometimes'],
    ['WAL_LISTENER_ON_SLOT_LOST', 'ignore'],
    ['WAL_PUBLISHER_TYPE', 'redis'],
    ['WAL_PUBLISHER_ON_POISON', 'drop'],
    ['WAL_PUBLISHER_SASL_MECHANISM', 'gssapi'],
    ['WAL_PUBLISHER_KAFKA_COMPRESSION', 'brotli'],
    ['WAL_LOGGER_LEVEL', 'loud'],
    ['WAL_LOGGER_FMT', 'xml'],
    ['WAL_DATABASE_SSL_MODE', 'prefer'],
    ['WAL_MONITORING_PROM_ADDR', '2112'],
    ['WAL_MONITORING_PROM_ADDR', ':0'],
    ['WAL_MONITORING_PROM_ADDR', ':70000'],
    ['WAL_MONITORING_PROM_ADDR', 'http://x:1'],
    ['WAL_MONITORING_SENTRY_DSN', 'not a dsn'],
    ['WAL_DATABASE_HOST', 'db:5432'],
  ])('refuses %s=%s', (name, text) => {
    expect(refused(name, text)?.accepted).not.toBe('');
  });

  it.each([
    [':2112', undefined, 2112],
    ['127.0.0.1:9', '127.0.0.1', 9],
    ['metrics.local:65535', 'metrics.local', 65_535],
    ['[::1]:2112', '::1', 2112],
  ])('reads the address %s', (text, host, port) => {
    expect(loadEnv({ WAL_MONITORING_PROM_ADDR: text }).config.monitoring.promAddr).toEqual({ host, port });
  });

  it('takes words whatever the case, serverPort 0 as off, and warning as warn', () => {
    const { config } = loadEnv({
      WAL_LISTENER_SERVER_PORT: '0',
      WAL_LOGGER_LEVEL: 'WARNING',
      WAL_PUBLISHER_ON_POISON: 'deadletter',
      WAL_PUBLISHER_TYPE: 'NATS',
      WAL_LISTENER_PUBLICATION: 'one, two',
    });
    expect(config.listener.serverPort).toBeUndefined();
    expect(config.logger.level).toBe('warn');
    expect(config.publisher).toMatchObject({ onPoison: 'deadLetter', type: 'nats' });
    expect(config.listener.publication).toEqual(['one', 'two']);
  });
});

describe('maps and patterns', () => {
  it('refuses unknown actions, naming the table and the word', () => {
    expect(refused('WAL_LISTENER_FILTER_TABLES', '{"users":["insert","upsert"]}')).toMatchObject({
      path: 'listener.filter.tables.users',
      found: '"upsert"',
      accepted: 'a list of insert, update, delete, truncate',
    });
    refused('WAL_LISTENER_INCLUDE_TABLES', '{"users":null}');
    refused('WAL_LISTENER_INCLUDE_TABLES', '{"users":{"insert":true}}');
    refused('WAL_LISTENER_INCLUDE_TABLES', '{"":["insert"]}');
  });

  it.each([
    ['WAL_LISTENER_FILTER_TABLES', '{"/(/":["insert"]}'],
    ['WAL_LISTENER_EXCLUDE_TABLES', '["/a**/"]'],
    ['WAL_LISTENER_TOPICS_MAP', '{"/[[:alpha:]]/":"x"}'],
    ['WAL_LISTENER_TOPICS_MAP', '{"/(?P<n>/":"x"}'],
  ])('refuses the pattern in %s=%s', (name, text) => {
    expect(refused(name, text)?.accepted).toContain('JavaScript');
  });

  it('takes patterns written for Go, and texts between slashes where names are meant', () => {
    const { config } = loadEnv({
      WAL_LISTENER_TOPICS_MAP: String.raw`{"/^public_(?P<rest>.*)$/":"app_${'${rest}'}","/a\\-b/":"c"}`,
      WAL_PUBLISHER_MESSAGE_KEY_FROM: '{"/(/":"a"}',
      WAL_TAGS: '{"/(/":""}',
    });
    expect(config.listener.topicsMap.size).toBe(2);
    expect(config.tags?.get('/(/')).toBe('');
  });

  it.each([
    ['WAL_LISTENER_TOPICS_MAP', '{"a":""}'],
    ['WAL_TAGS', '{"a":{"b":"c"}}'],
    ['WAL_PUBLISHER_MESSAGE_KEY_FROM', '{"a":[]}'],
    ['WAL_PUBLISHER_MESSAGE_KEY_FROM', '[]'],
    ['WAL_LISTENER_EXCLUDE_SCHEMAS', '[["a"]]'],
  ])('refuses %s=%s', (name, text) => {
    expect(refused(name, text)?.accepted).not.toBe('');
  });
});
