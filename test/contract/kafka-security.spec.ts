import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import type { BatchOutcome } from '../../libs/publishing/src/kafka/kafka-ports.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { createTestCa, type TestCa } from '../support/certificates.js';
import { type KafkaServer, startKafka } from '../support/kafka-server.js';
import { tempDir, type TempDir } from '../support/temp-dir.js';
import { waitFor } from '../support/wait-for.js';
import { TestClient } from './kafka-batches.js';

const ALICE = { name: 'alice', password: 'alice-secret' };
const EVE = { name: 'eve', password: 'eve-secret' };
/** How long the SASL_PLAINTEXT listener believes in credentials. */
const SESSION_MS = 5_000;
const GUARDED = 'guarded';

let dir: TempDir;
let ca: TestCa;
let strangersCa: TestCa;
let server: KafkaServer;

beforeAll(async () => {
  dir = await tempDir();
  ca = createTestCa(dir.path);
  strangersCa = createTestCa(dir.path, 'strangers-ca');
  const pair = ca.issue('kafka');
  server = await startKafka({
    listeners: ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
    tls: { ...pair, caFile: ca.certFile },
    users: [ALICE, EVE],
    properties: [
      'listener.name.sasl_ssl.ssl.client.auth=required',
      'listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512',
      `listener.name.sasl_plaintext.connections.max.reauth.ms=${String(SESSION_MS)}`,
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found=true',
      'super.users=User:ANONYMOUS',
    ],
  });
  await server.createTopic('open');
  await server.createTopic(GUARDED);
  await server.admin((admin) => admin.createAcls({ acl: [2, 5].map(allowAlice) }));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

/** Everything on the topic (2) or the transactional id (5) named `guarded`; for nobody else then. */
const allowAlice = (resourceType: number) => ({
  resourceType,
  resourceName: GUARDED,
  resourcePatternType: 3,
  principal: 'User:alice',
  host: '*',
  operation: 2,
  permissionType: 3,
});

const tls = (files: Partial<PublisherConfig['tls']> = {}) => ({
  ...publisherTestConfig({ type: 'kafka' }).publisher.tls,
  enabled: true,
  caCert: ca.certFile,
  ...files,
});

const as = ({ name, password }: typeof ALICE, saslMechanism: PublisherConfig['saslMechanism']) => ({
  username: name,
  password,
  saslMechanism,
});

const connect = (listener: 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL', publisher: Partial<PublisherConfig>) =>
  new TestClient({ addresses: [server.addressOf(listener)], ...publisher }).connect();

const refusal = (code: string, words: RegExp) => ({ code, message: expect.stringMatching(words) as string });

describe('SASL', () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('%s takes the password', async (mechanism) => {
    using own = await connect('SASL_PLAINTEXT', as(ALICE, mechanism));
    const identity = await own.client.producerIdentity(mechanism);
    expect(await own.send('open', identity, 0, mechanism)).toMatchObject({ errorCode: 0 });
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    '%s refuses a wrong one for good, without repeating it',
    async (mechanism) => {
      const connecting = connect('SASL_PLAINTEXT', as({ ...ALICE, password: 'guessed' }, mechanism));
      await expect(connecting).rejects.toMatchObject(
        refusal('BROKER_AUTH', /^(?!.*guessed).*SASL_AUTHENTICATION_FAILED/),
      );
      await expect(connecting).rejects.toMatchObject({ retriable: false });
    },
  );

  it('says which mechanisms there are when ours is not among them', async () => {
    const connecting = connect('SASL_SSL', { ...as(ALICE, 'plain'), tls: tls(withPair(ca)) });
    await expect(connecting).rejects.toMatchObject(
      refusal('BROKER_AUTH', /UNSUPPORTED_SASL_MECHANISM: it offers SCRAM-SHA-512/),
    );
  });

  it('that is not configured leaves a hint where the broker wants it', async () => {
    await expect(connect('SASL_PLAINTEXT', {})).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      remedy: expect.stringContaining('publisher.saslMechanism') as string,
    });
  });

  it('is renewed before the broker forgets it, and no request is lost or overtaken by that', async () => {
    using own = await connect('SASL_PLAINTEXT', as(ALICE, 'scram-sha-256'));
    const identity = await own.client.producerIdentity('renewed');
    const sent: Promise<BatchOutcome>[] = [];
    const started = performance.now();
    for (let i = 0; performance.now() - started < 1.4 * SESSION_MS; i++) {
      sent.push(own.send('open', identity, i, String(i)));
      // Five are under way at any time.
      await sent[i - 5];
      if (i % 100 === 99) await own.client.ping(new AbortController().signal);
    }
    const outcomes = await Promise.all(sent);
    expect(outcomes.filter(({ errorCode }) => errorCode !== 0)).toEqual([]);
    expect(own.lost).toEqual([]);
  });
});

const withPair = (issuer: TestCa) => {
  const { certFile: clientCert, keyFile: clientKey } = issuer.issue('client');
  return { clientCert, clientKey };
};

describe('TLS', () => {
  it('trusts the authority that is configured', async () => {
    using own = await connect('SSL', { tls: tls() });
    const identity = await own.client.producerIdentity(undefined);
    expect(await own.send('open', identity, 0, 'encrypted')).toMatchObject({ errorCode: 0 });
  });

  it.each([
    ['another authority', () => tls({ caCert: strangersCa.certFile })],
    ["the system's authorities alone", () => tls({ caCert: undefined })],
    ['another name', () => tls({ serverName: 'kafka.example' })],
  ])('refuses the server by %s for good', async (_what, options) => {
    await expect(connect('SSL', { tls: options() })).rejects.toMatchObject({ code: 'BROKER_TLS', retriable: false });
  });

  it('takes the name to verify from the configuration', async () => {
    using own = await connect('SSL', { tls: tls({ serverName: 'localhost' }) });
    expect(await own.client.topicNames()).toContain('open');
  });

  it('shows a certificate of its own where the server wants one, and SASL goes on top', async () => {
    using own = await connect('SASL_SSL', { ...as(ALICE, 'scram-sha-512'), tls: tls(withPair(ca)) });
    const identity = await own.client.producerIdentity('mutual');
    expect(await own.send('open', identity, 0, 'mutual')).toMatchObject({ errorCode: 0 });
  });

  it.each([
    ['without one', () => tls()],
    ['with one of another authority', () => tls(withPair(strangersCa))],
  ])('is refused for good %s', async (_what, options) => {
    await expect(connect('SASL_SSL', { ...as(ALICE, 'scram-sha-512'), tls: options() })).rejects.toMatchObject({
      code: 'BROKER_TLS',
      retriable: false,
    });
  });

  it('names a file that cannot be read', async () => {
    await expect(connect('SSL', { tls: tls({ caCert: '/nowhere/ca.pem' }) })).rejects.toMatchObject(
      refusal('BROKER_CONFIG', /publisher\.caCert/),
    );
  });
});

describe('permissions', () => {
  it('are missed by name, with what to grant', async () => {
    using allowed = await connect('SASL_PLAINTEXT', as(ALICE, 'plain'));
    using denied = await connect('SASL_PLAINTEXT', as(EVE, 'plain'));
    await waitFor(() => allowed.client.producerIdentity(GUARDED), { what: 'the permission to be known' });
    expect((await allowed.client.layout([GUARDED])).get(GUARDED)?.leaders).toEqual([1]);

    await expect(denied.client.layout([GUARDED])).rejects.toMatchObject({
      ...refusal('BROKER_AUTH', /topic "guarded".*TOPIC_AUTHORIZATION_FAILED/),
      remedy: expect.stringContaining('Write and Describe') as string,
    });
    await expect(denied.client.producerIdentity(GUARDED)).rejects.toMatchObject(
      refusal('BROKER_AUTH', /transactional id "guarded".*TRANSACTIONAL_ID_AUTHORIZATION_FAILED/),
    );
    expect(await denied.client.topicSettings([GUARDED])).toEqual(new Map());
    const identity = await denied.client.producerIdentity(undefined);
    expect(await denied.send(GUARDED, identity, 0, 'no')).toMatchObject({ errorName: 'TOPIC_AUTHORIZATION_FAILED' });
  });
});
