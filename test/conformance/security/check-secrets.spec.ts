import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canary, IN_ADDRESS, LeakHunt, without, type Variables } from '../../e2e/support/leak-hunt.js';

let hunt: LeakHunt;
beforeAll(async () => {
  hunt = await LeakHunt.start();
});
afterAll(() => hunt[Symbol.asyncDispose]());

/** How a database or broker cannot be used, for each broker; every secret is set in all of them. */
function cases(): Readonly<Record<string, Variables>> {
  const { files } = hunt;
  const talkative = hunt.talkative();
  const anonymous = hunt.anonymous();
  const junk = { WAL_PUBLISHER_CLIENT_CERT: files.certificate, WAL_PUBLISHER_CLIENT_KEY: files.key };
  const junkPair = { ...junk, WAL_PUBLISHER_ENABLE_TLS: 'true' };
  const userInfo = `me:${encodeURIComponent(IN_ADDRESS.value)}@127.0.0.1:1`;
  const nowhere = { WAL_PUBLISHER_ADDRESS: '127.0.0.1:1' };
  const kafka = { WAL_PUBLISHER_TYPE: 'kafka', WAL_PUBLISHER_SASL_MECHANISM: 'plain' };
  const rabbitmq = { WAL_PUBLISHER_TYPE: 'rabbitmq' };
  const pubsub = { WAL_PUBLISHER_TYPE: 'google_pubsub', WAL_PUBLISHER_PUB_SUB_PROJECT_ID: 'p', ...nowhere };
  const parrot = { WAL_PUBLISHER_ADDRESS: hunt.parrotAddress };
  const byUrl = without(hunt.secrets(), 'WAL_DATABASE_PASSWORD', 'WAL_PUBLISHER_TOKEN');
  return {
    'a wrong database password': { ...talkative, WAL_DATABASE_PASSWORD: canary('database.password').value },
    'a wrong password in the URL': {
      ...byUrl,
      ...kafka,
      ...nowhere,
      WAL_PUBLISHER_TOPIC: 'x',
      WAL_PUBLISHER_USERNAME: 'x',
    },
    'a junk key for the database': {
      ...talkative,
      WAL_DATABASE_CLIENT_CERT: files.certificate,
      WAL_DATABASE_CLIENT_KEY: files.key,
    },
    'NATS: nobody there': { ...anonymous, WAL_PUBLISHER_ADDRESS: `nats://${userInfo}` },
    'NATS: a junk creds file': { ...anonymous, WAL_PUBLISHER_CREDS_FILE: files.creds },
    'NATS: a junk seed': { ...anonymous, WAL_PUBLISHER_NKEY_SEED_FILE: files.seed },
    'NATS: a junk client key': { ...talkative, ...junkPair },
    'NATS: a parrot': { ...anonymous, ...parrot, WAL_PUBLISHER_TOKEN: canary('publisher.token').value },
    'Kafka: nobody there': { ...talkative, ...kafka, ...nowhere },
    'Kafka: no Kafka': { ...talkative, ...kafka, ...parrot },
    'Kafka: a junk client key': { ...talkative, ...kafka, ...junkPair, ...nowhere },
    'RabbitMQ: nobody there': { ...anonymous, ...rabbitmq, WAL_PUBLISHER_ADDRESS: `amqp://${userInfo}/v` },
    'RabbitMQ: no RabbitMQ': { ...talkative, ...rabbitmq, ...parrot },
    'RabbitMQ: a junk client key': {
      ...talkative,
      ...rabbitmq,
      ...junkPair,
      WAL_PUBLISHER_ADDRESS: `amqps://${userInfo}`,
    },
    'Pub/Sub: a junk account': {
      ...talkative,
      ...pubsub,
      WAL_PUBLISHER_ENABLE_TLS: 'true',
      WAL_PUBLISHER_PUBSUB_CREDENTIALS_FILE: files.account,
    },
    'Pub/Sub: a junk client key': { ...talkative, ...pubsub, ...junkPair },
  };
}

describe('check writes no secret', () => {
  it.each(['table', 'JSON'])('however database and broker cannot be used, as %s', async (form) => {
    for (const [name, env] of Object.entries(cases())) {
      const args = form === 'JSON' ? ['check', '--json'] : ['check'];
      const child = await hunt.runToEnd(`${form}, ${name}`, env, args);
      expect([name, (await child.exited).code, child.stdout.length > 3], child.lastOutput()).toEqual([name, 1, true]);
    }
    expect(hunt.leaks()).toEqual([]);
    for (const code of ['PG_AUTH', 'BROKER_']) expect(hunt.evidence.holds(code)).toBe(true);
  });
});
