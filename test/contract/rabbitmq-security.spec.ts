import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AppConfig, PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { createTestCa } from '../support/certificates.js';
import type { RabbitmqServer } from '../support/rabbitmq-server.js';
import { tempDir } from '../support/temp-dir.js';
import { sharedNode } from './rabbitmq-harness.js';

const SECRET = 's3cret/#';
const VHOST = 'my/vhost';

const permission = (user: string, vhost: string, configure = '.*', write = '.*', read = '.*') => ({
  user,
  vhost,
  configure,
  write,
  read,
});
const user = (name: string, password = SECRET) => ({ name, password, tags: '' });

const DEFINITIONS = {
  vhosts: [{ name: '/' }, { name: VHOST }],
  users: [user('guest', 'guest'), user('al@ice'), user('client', 'x'), user('least'), user('weak'), user('reader')],
  permissions: [
    permission('guest', '/'),
    permission('al@ice', VHOST),
    permission('client', '/'),
    permission('least', '/', '^(wal-listener\\..*|app)$', '^app$', ''),
    permission('weak', '/', '^app$', '^app$', ''),
    permission('reader', '/', '.*', '', '.*'),
  ],
};

const dir = await tempDir();
afterAll(() => dir[Symbol.asyncDispose]());
const ca = createTestCa(dir.path);
const server = ca.issue('server');
const node = sharedNode({
  definitions: DEFINITIONS,
  plugins: ['rabbitmq_auth_mechanism_ssl'],
  tls: { caFile: ca.certFile, ...server },
  config: 'auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name',
});

const host = (rabbitmq: RabbitmqServer) => `127.0.0.1:${String(rabbitmq.port)}`;
const tls = (tls: Partial<PublisherConfig['tls']>): PublisherConfig['tls'] => ({
  enabled: true,
  caCert: ca.certFile,
  clientCert: undefined,
  clientKey: undefined,
  serverName: undefined,
  ...tls,
});

/** Connects, publishes three events, and gives how many were settled; rejects when it is not let in. */
async function publishes(config: AppConfig): Promise<number> {
  const attempt = new Attempt(await testDriver(config));
  onTestFinished(() => attempt.publisher.close(1000));
  await attempt.open();
  attempt.publish(new EventMaker('app').batch(3));
  await attempt.listener.untilSettled(3);
  await attempt.publisher.close(1000);
  return attempt.listener.seqs.size;
}

/** Connects, again and again, as long as that may help; rejects with what makes it useless. */
async function untilFatal(config: AppConfig): Promise<void> {
  const driver = await testDriver(config);
  for (let i = 0; i < 10; i++) {
    const attempt = new Attempt(driver);
    try {
      await attempt.open();
    } catch (error) {
      if (!(error instanceof AppError) || !error.retriable) throw error;
    } finally {
      await attempt.publisher.close(0);
    }
  }
}

const configured = (address: string, publisher: Partial<PublisherConfig> = {}) =>
  publisherTestConfig({ type: 'rabbitmq', addresses: [address], ...publisher });

describe('RabbitMQ: credentials', () => {
  it('in the address, with a vhost, percent-encoded', async () => {
    expect(await publishes(configured(`amqp://al%40ice:s3cret%2F%23@${host(await node())}/my%2Fvhost`))).toBe(3);
  });

  it('of the configuration go before those of the address', async () => {
    const address = `amqp://nobody:nothing@${host(await node())}/my%2Fvhost`;
    expect(await publishes(configured(address, { username: 'al@ice', password: SECRET }))).toBe(3);
  });

  it('none: as guest', async () => {
    expect(await publishes(configured(host(await node())))).toBe(3);
  });

  it('that are wrong are fatal, named without the password', async () => {
    const config = configured(`amqp://al%40ice:s3cret%2F%23%23@${host(await node())}/my%2Fvhost`);
    const error = await publishes(config).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    expect((error as Error).message).toMatch(/refused user "al@ice" \(vhost "my\/vhost"\)/);
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('s3cret');
  });

  it('for a vhost that does not exist, or is closed to the user, are fatal after some attempts and say so', async () => {
    const login = `amqp://al%40ice:s3cret%2F%23@${host(await node())}`;
    await expect(untilFatal(configured(`${login}/none`))).rejects.toMatchObject({
      code: 'BROKER_AUTH',
      message: expect.stringMatching(/user "al@ice" into vhost "none": it does not exist/) as unknown,
    });
    await expect(untilFatal(configured(`${login}/`))).rejects.toMatchObject({
      code: 'BROKER_AUTH',
      message: expect.stringMatching(/into vhost "\/": .* no permissions there/) as unknown,
    });
  });
});

describe('RabbitMQ: permissions', () => {
  const as = async (name: string, publisher: Partial<PublisherConfig> = {}) =>
    configured(host(await node()), { username: name, password: SECRET, ...publisher });

  it('that the error names are enough', async () => {
    expect(await publishes(await as('least'))).toBe(3);
  });

  it('to write that are missing are fatal while publishing', async () => {
    const attempt = await new Attempt(await testDriver(await as('reader'))).open();
    attempt.publish(new EventMaker('app').batch(1));
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    expect(error.message).toMatch(/publishing to exchange "app": ACCESS_REFUSED/);
    expect(error.remedy).toContain('rabbitmqctl set_permissions -p / reader');
    expect(attempt.listener.seqs.size).toBe(0);
    await attempt.publisher.close(0);
  });

  it('to take the fence that are missing are fatal before the first event', async () => {
    await expect(publishes(await as('weak'))).rejects.toMatchObject({
      code: 'BROKER_AUTH',
      message: expect.stringMatching(/^the fence, queue "wal-listener.*ACCESS_REFUSED/) as unknown,
      remedy: expect.stringContaining('configure') as unknown,
    });
  });

  it('to declare the exchange that are missing are fatal, and needless without declaring', async () => {
    await expect(publishes(await as('least', { topic: 'other' }))).rejects.toMatchObject({
      code: 'BROKER_AUTH',
      message: expect.stringMatching(/^exchange "other": ACCESS_REFUSED/) as unknown,
    });
  });

  it('into a vhost that are missing are found by check', async () => {
    const driver = await testDriver(configured(`amqp://least:s3cret%2F%23@${host(await node())}/my%2Fvhost`));
    expect(await driver.check(new AbortController().signal)).toMatchObject([
      { severity: 'error', code: 'BROKER_AUTH', message: expect.stringContaining('my/vhost') as unknown },
    ]);
  });

  it('are found by check', async () => {
    const driver = await testDriver(await as('least', { topic: 'other' }));
    expect(await driver.check(new AbortController().signal)).toEqual([]);
    const refused = await testDriver(await as('least', { topic: 'amq.topic' }));
    expect(await refused.check(new AbortController().signal)).toMatchObject([
      { severity: 'error', code: 'BROKER_AUTH' },
    ]);
  });
});

describe('RabbitMQ: TLS', () => {
  it('with the CA, by enableTLS or by amqps', async () => {
    const rabbitmq = await node();
    const address = `127.0.0.1:${String(rabbitmq.tlsPort)}`;
    expect(await publishes(configured(address, { tls: tls({}) }))).toBe(3);
    expect(await publishes(configured(`amqps://${address}`, { tls: tls({ enabled: false }) }))).toBe(3);
    expect(await publishes(configured(`localhost:${String(rabbitmq.tlsPort)}`, { tls: tls({}) }))).toBe(3);
  });

  it('refuses a server of another CA, or with another name', async () => {
    const { tlsAddress } = await node();
    const other = createTestCa(dir.path, 'other');
    await expect(publishes(configured(tlsAddress, { tls: tls({ caCert: other.certFile }) }))).rejects.toMatchObject({
      code: 'BROKER_TLS',
      retriable: false,
    });
    await expect(publishes(configured(tlsAddress, { tls: tls({ caCert: undefined }) }))).rejects.toMatchObject({
      code: 'BROKER_TLS',
    });
    await expect(
      publishes(configured(tlsAddress, { tls: tls({ serverName: 'rabbit.example' }) })),
    ).rejects.toMatchObject({ code: 'BROKER_TLS' });
    expect(await publishes(configured(tlsAddress, { tls: tls({ serverName: 'localhost' }) }))).toBe(3);
  });

  it('logs in with the client certificate when no user is given', async () => {
    const { tlsAddress } = await node();
    const pair = ca.issue('client');
    expect(
      await publishes(configured(tlsAddress, { tls: tls({ clientCert: pair.certFile, clientKey: pair.keyFile }) })),
    ).toBe(3);
    const stranger = ca.issue('stranger');
    const files = { clientCert: stranger.certFile, clientKey: stranger.keyFile };
    await expect(publishes(configured(tlsAddress, { tls: tls(files) }))).rejects.toMatchObject({
      code: 'BROKER_AUTH',
      message: expect.stringContaining('of the client certificate') as unknown,
    });
    const byPassword = { username: 'client', password: 'x' };
    expect(await publishes(configured(tlsAddress, { ...byPassword, tls: tls(files) }))).toBe(3);
  });

  it('against the plain port is fatal, and plain against the TLS port says what may be wrong', async () => {
    const rabbitmq = await node();
    await expect(publishes(configured(host(rabbitmq), { tls: tls({}) }))).rejects.toMatchObject({ code: 'BROKER_TLS' });
    await expect(publishes(configured(`127.0.0.1:${String(rabbitmq.tlsPort)}`))).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('TLS') as unknown,
    });
  });

  it('names a certificate file that cannot be read', async () => {
    const { tlsAddress } = await node();
    await expect(publishes(configured(tlsAddress, { tls: tls({ caCert: '/nowhere.pem' }) }))).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining('/nowhere.pem') as unknown,
    });
  });
});
