import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { afterAll, describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { createTestCa, type TestCa } from '../support/certificates.js';
import { type KafkaServer, startKafka } from '../support/kafka-server.js';
import { waitFor } from '../support/wait-for.js';

const BOB = { name: 'bob', password: 'geheim-1' };
const ALICE = { name: 'alice', password: 'geheim-2' };
const NO_TLS = { enabled: true, caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined };
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const { kafka: defaults } = publisherTestConfig({ type: 'kafka' }).publisher;

interface Secured {
  readonly server: KafkaServer;
  readonly ca: TestCa;
  readonly other: TestCa;
}

/** One server with every kind of listener. Whoever comes without credentials may do all, alice too, bob what he is granted. */
async function startSecured(): Promise<Secured> {
  const dir = await mkdtemp(join(tmpdir(), 'wal-listener-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const ca = createTestCa(dir);
  const other = createTestCa(dir, 'other-ca');
  const { certFile, keyFile } = ca.issue('server', ['localhost', '127.0.0.1', 'kafka.internal']);
  const server = await startKafka({
    listeners: ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
    tls: { certFile, keyFile, caFile: ca.certFile },
    users: [BOB, ALICE],
    properties: [
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users=User:ANONYMOUS;User:alice;User:CN=client',
    ],
  });
  afterAll(() => server[Symbol.asyncDispose]());
  await createTopic(server, 'app.public_items');
  return { server, ca, other };
}

let starting: Promise<Secured> | undefined;
const secured = () => (starting ??= startSecured());

async function createTopic(server: KafkaServer, topic: string): Promise<void> {
  const create = async () => {
    await server.createTopic(topic, 2);
    return true;
  };
  await waitFor(create, { what: `topic ${topic} to be created` });
}

const config = (publisher: Partial<PublisherConfig>) =>
  publisherTestConfig({ type: 'kafka', kafka: defaults, ...publisher }, 2000);

/** Publishes a few events and closes; rejects with what open or publishing ended with. */
async function expectPublished(publisher: Partial<PublisherConfig>, log?: DriverLog): Promise<void> {
  const attempt = new Attempt(await testDriver(config(publisher), log));
  try {
    await attempt.open(undefined, ['app.public_items']);
    attempt.publish(new EventMaker('app').batch(10));
    await attempt.listener.untilSettled(10);
    expect(attempt.listener.states).toEqual([]);
  } finally {
    await attempt.publisher.close(1000);
  }
}

describe('Kafka: credentials', () => {
  it('plain, SCRAM-SHA-256 and SCRAM-SHA-512, with and without TLS', async () => {
    const { server, ca } = await secured();
    const login = { username: ALICE.name, password: ALICE.password };
    for (const saslMechanism of MECHANISMS) {
      await expectPublished({ addresses: [server.addressOf('SASL_PLAINTEXT')], saslMechanism, ...login });
      const tls = { ...NO_TLS, caCert: ca.certFile };
      await expectPublished({ addresses: [server.addressOf('SASL_SSL')], saslMechanism, tls, ...login });
    }
  });

  it('that are wrong or missing are refused for good, and not repeated', async () => {
    const { server } = await secured();
    const addresses = [server.addressOf('SASL_PLAINTEXT')];
    for (const saslMechanism of MECHANISMS) {
      for (const wrong of [
        { username: ALICE.name, password: 'wrong-password' },
        { username: 'nobody', password: ALICE.password },
      ]) {
        const error: unknown = await expectPublished({ addresses, saslMechanism, ...wrong }).catch((e: unknown) => e);
        expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
        expect(JSON.stringify(error) + String(error)).not.toContain(wrong.password);
      }
    }
  });
});

describe('Kafka: TLS', () => {
  it('verifies the server against the CA, by name and by address', async () => {
    const { server, ca, other } = await secured();
    const address = server.addressOf('SSL');
    const port = address.split(':')[1] ?? '';
    const pair = ca.issue('client');
    const tls = { ...NO_TLS, caCert: ca.certFile, clientCert: pair.certFile, clientKey: pair.keyFile };
    await expectPublished({ addresses: [address], tls });
    await expectPublished({ addresses: [`localhost:${port}`], tls });
    await expectPublished({ addresses: [address], tls: { ...tls, serverName: 'kafka.internal' } });
    const failure = { code: 'BROKER_TLS', retriable: false };
    const wrong = [{ ...tls, caCert: other.certFile }, { ...tls, serverName: 'kafka.example' }, NO_TLS];
    for (const each of wrong)
      await expect(expectPublished({ addresses: [address], tls: each })).rejects.toMatchObject(failure);
  });

  it('shows a client certificate, which is who we are', async () => {
    const { server, ca } = await secured();
    const stranger = ca.issue('stranger');
    const tls = { ...NO_TLS, caCert: ca.certFile, clientCert: stranger.certFile, clientKey: stranger.keyFile };
    const addresses = [server.addressOf('SSL')];
    await expect(expectPublished({ addresses, tls })).rejects.toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    const missing = { ...tls, clientKey: '/nowhere/client.key' };
    await expect(expectPublished({ addresses, tls: missing })).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining('publisher.clientKey') as unknown,
    });
  });

  it('is not spoken to a listener without it, nor the other way round', async () => {
    const { server, ca } = await secured();
    const tls = { ...NO_TLS, caCert: ca.certFile };
    await expect(expectPublished({ addresses: [server.address], tls })).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
    await expect(expectPublished({ addresses: [server.addressOf('SSL')] })).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
  });
});

describe('Kafka: several seed brokers', () => {
  it('are tried in turn', async () => {
    const { server } = await secured();
    await expectPublished({ addresses: ['127.0.0.1:1', server.address] });
    await expect(expectPublished({ addresses: ['127.0.0.1:1', '127.0.0.1:2'] })).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
  });
});

describe('Kafka: access control', () => {
  const bob = (server: KafkaServer) => ({
    addresses: [server.addressOf('SASL_PLAINTEXT')],
    saslMechanism: 'scram-sha-256' as const,
    username: BOB.name,
    password: BOB.password,
  });

  async function grant(
    server: KafkaServer,
    resourceType: AclResourceTypes,
    resourceName: string,
    ...operations: AclOperationTypes[]
  ) {
    const acl = operations.map((operation) => ({
      resourceType,
      resourceName,
      operation,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      permissionType: AclPermissionTypes.ALLOW,
      principal: `User:${BOB.name}`,
      host: '*',
    }));
    await server.admin((admin) => admin.createAcls({ acl }));
  }

  it('names what is missing, one after the other, and does with less where it can', async () => {
    const { server } = await secured();
    // A topic that one may not see looks like one that does not exist.
    await expect(expectPublished(bob(server))).rejects.toMatchObject({
      retriable: false,
      message: expect.stringContaining('app.public_items') as unknown,
    });
    await grant(server, AclResourceTypes.TOPIC, 'app.public_items', AclOperationTypes.DESCRIBE);
    await expect(expectPublished(bob(server))).rejects.toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    await grant(server, AclResourceTypes.TOPIC, 'app.public_items', AclOperationTypes.WRITE);
    const log = { lines: [] as string[] };
    await expectPublished(bob(server), log);
    expect(log.lines.filter((line) => line.includes('--transactional-id'))).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('DescribeConfigs'))).toHaveLength(1);
    const id = /"transactionalId":"([^"]+)"/.exec(log.lines.join('\n'))?.[1] ?? '';
    await grant(server, AclResourceTypes.TRANSACTIONAL_ID, id, AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE);
    await grant(server, AclResourceTypes.TOPIC, 'app.public_items', AclOperationTypes.DESCRIBE_CONFIGS);
    log.lines.length = 0;
    await expectPublished(bob(server), log);
    expect(log.lines.filter((line) => /--transactional-id|DescribeConfigs/.test(line))).toEqual([]);
  });

  it('that forbids a topic met later ends the service and names the topic', async () => {
    const { server } = await secured();
    await createTopic(server, 'app.public_secret');
    await grant(server, AclResourceTypes.TOPIC, 'app.public_secret', AclOperationTypes.DESCRIBE);
    const attempt = await new Attempt(await testDriver(config(bob(server)))).open();
    attempt.publish(new EventMaker('app').batch(2, (i) => ({ table: i === 1 ? 'secret' : 'items' })));
    expect(await attempt.listener.untilFailed()).toMatchObject({
      code: 'BROKER_AUTH',
      retriable: false,
      message: expect.stringContaining('app.public_secret') as unknown,
      remedy: expect.stringContaining("--topic 'app.public_secret'") as unknown,
    });
    await attempt.publisher.close(0);
  });
});
