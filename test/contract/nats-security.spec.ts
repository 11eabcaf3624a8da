import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { createTestCa } from '../support/certificates.js';
import { tempDir } from '../support/temp-dir.js';
import { NatsHarness } from './nats-harness.js';
import { natsKeys } from './nats-keys.js';
import { operatorSetup } from './nats-operator.js';

const NO_TLS = { enabled: true, caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined };

/** Publishes a few events and closes; rejects with what open or publishing ended with. */
async function publishSome(nats: NatsHarness, publisher: Partial<PublisherConfig>): Promise<void> {
  const attempt = await new Attempt(await testDriver(nats.config(publisher))).open();
  attempt.publish(new EventMaker('app').batch(10));
  await attempt.listener.untilSettled(10);
  await attempt.publisher.close(1000);
}

const refused = { code: 'BROKER_AUTH', retriable: false };

describe('NATS: credentials', () => {
  it('user and password, also in the address', async () => {
    await using nats = await NatsHarness.start({ config: 'authorization { user: bob, password: "s3cr3t/@" }' });
    await publishSome(nats, { username: 'bob', password: 's3cr3t/@' });
    await publishSome(nats, { addresses: [`nats://bob:s3cr3t%2F%40@${nats.network.address}`] });
    for (const wrong of [{}, { username: 'bob', password: 'wrong' }, { username: 'bob' }, { token: 's3cr3t/@' }]) {
      const error: unknown = await publishSome(nats, wrong).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(refused);
      expect(String(error)).not.toContain('wrong');
    }
  });

  it('a token, also in the address', async () => {
    await using nats = await NatsHarness.start({ config: 'authorization { token: "t0ken" }' });
    await publishSome(nats, { token: 't0ken' });
    await publishSome(nats, { addresses: [`nats://t0ken@${nats.network.address}`] });
    await expect(publishSome(nats, { token: 'other' })).rejects.toMatchObject(refused);
  });

  it('an nkey seed in a file', async () => {
    const user = natsKeys.createUser();
    const stranger = natsKeys.createUser();
    await using dir = await tempDir();
    const file = (name: string, seed: Uint8Array) => {
      writeFileSync(join(dir.path, name), `${Buffer.from(seed).toString()}\n`);
      return join(dir.path, name);
    };
    await using nats = await NatsHarness.start({
      config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
    });
    await publishSome(nats, { nkeySeedFile: file('user.nk', user.getSeed()) });
    await expect(publishSome(nats, { nkeySeedFile: file('stranger.nk', stranger.getSeed()) })).rejects.toMatchObject(
      refused,
    );
    await expect(publishSome(nats, { nkeySeedFile: join(dir.path, 'none') })).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining('publisher.nkeySeedFile') as unknown,
    });
  });

  it('a creds file', async () => {
    const setup = operatorSetup();
    await using dir = await tempDir();
    const file = (name: string, creds: string) => {
      writeFileSync(join(dir.path, name), creds);
      return join(dir.path, name);
    };
    await using nats = await NatsHarness.start({ config: setup.config });
    await publishSome(nats, { credsFile: file('user.creds', setup.creds) });
    await expect(publishSome(nats, { credsFile: file('stranger.creds', operatorSetup().creds) })).rejects.toMatchObject(
      refused,
    );
    await expect(publishSome(nats, { credsFile: file('junk.creds', 'junk') })).rejects.toMatchObject({
      retriable: false,
    });
  });

  it('a user who may not publish to a table is named, with the subject', async () => {
    const permissions = '{ publish: { deny: ["app.public_items"] } }';
    await using nats = await NatsHarness.start({
      config: `authorization { users: [{ user: bob, password: b, permissions: ${permissions} }] }`,
    });
    const attempt = await new Attempt(await testDriver(nats.config({ username: 'bob', password: 'b' }))).open();
    attempt.publish(new EventMaker('app').batch(1));
    expect(await attempt.listener.untilFailed()).toMatchObject({
      ...refused,
      message: expect.stringContaining('"app.public_items"') as unknown,
    });
    await attempt.publisher.close(0);
  });
});

describe('NATS: TLS', () => {
  it('verifies the server against the CA, by name and by address', async () => {
    await using dir = await tempDir();
    const ca = createTestCa(dir.path);
    const other = createTestCa(dir.path, 'other-ca');
    const server = ca.issue('server', ['localhost', '127.0.0.1', 'nats.internal']);
    await using nats = await NatsHarness.start({
      config: `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}" }`,
    });
    const port = nats.network.address.split(':')[1] ?? '';
    const tls = { ...NO_TLS, caCert: ca.certFile };
    await publishSome(nats, { tls });
    await publishSome(nats, { tls, addresses: [`localhost:${port}`] });
    await publishSome(nats, { tls: { ...tls, enabled: false }, addresses: [`tls://127.0.0.1:${port}`] });
    await publishSome(nats, { tls: { ...tls, serverName: 'nats.internal' } });
    const failure = { code: 'BROKER_TLS', retriable: false };
    await expect(publishSome(nats, { tls: { ...tls, caCert: other.certFile } })).rejects.toMatchObject(failure);
    await expect(publishSome(nats, { tls: { ...tls, serverName: 'nats.example' } })).rejects.toMatchObject(failure);
    await expect(publishSome(nats, { tls: NO_TLS })).rejects.toMatchObject(failure);
    // A server that asks for TLS gets it, verified, even when it was not configured.
    await expect(publishSome(nats, {})).rejects.toMatchObject(failure);
  });

  it('shows a client certificate where the server asks for one', async () => {
    await using dir = await tempDir();
    const ca = createTestCa(dir.path);
    const server = ca.issue('server');
    const client = ca.issue('client');
    await using nats = await NatsHarness.start({
      config: `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${ca.certFile}", verify: true }`,
    });
    const tls = { ...NO_TLS, caCert: ca.certFile };
    await publishSome(nats, { tls: { ...tls, clientCert: client.certFile, clientKey: client.keyFile } });
    await expect(publishSome(nats, { tls })).rejects.toMatchObject({ code: 'BROKER_TLS' });
  });

  it('does not fall back to plain text', async () => {
    await using nats = await NatsHarness.start();
    await expect(publishSome(nats, { tls: NO_TLS })).rejects.toMatchObject({ code: 'BROKER_TLS', retriable: false });
  });
});

describe('NATS: several servers', () => {
  it('tries each in turn', async () => {
    await using nats = await NatsHarness.start();
    await publishSome(nats, { addresses: ['127.0.0.1:1', nats.network.address] });
    await expect(publishSome(nats, { addresses: ['127.0.0.1:1', '127.0.0.1:2'] })).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
  });
});
