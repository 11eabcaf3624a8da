import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { createTestCa } from '../support/certificates.js';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { tempDir } from '../support/temp-dir.js';
import { PubsubHarness } from './pubsub-harness.js';
import { ScriptedPubsub } from './scripted-pubsub.js';
import { TlsTerminator } from './tls-terminator.js';

const NO_TLS = { enabled: true, caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined };

type Configured = { config(publisher: Partial<PublisherConfig>): Parameters<typeof testDriver>[0] };

/** Publishes a few events and closes; rejects with what open or publishing ended with. */
async function publishSome(broker: Configured, publisher: Partial<PublisherConfig>): Promise<void> {
  const attempt = await new Attempt(await testDriver(broker.config(publisher))).open();
  attempt.publish(new EventMaker('app').batch(10));
  await attempt.listener.untilSettled(10);
  await attempt.publisher.close(1000);
}

const tlsFailure = { code: 'BROKER_TLS', retriable: false };

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: TLS, before the emulator')])('%s', () => {
  it('verifies the server against the CA, by name and by address', async () => {
    await using dir = await tempDir();
    const ca = createTestCa(dir.path);
    const other = createTestCa(dir.path, 'other-ca');
    const server = ca.issue('server', ['localhost', '127.0.0.1', 'pubsub.internal']);
    await using pubsub = await PubsubHarness.start();
    await using front = await TlsTerminator.start(pubsub.emulator.port, server);
    const addresses = [`127.0.0.1:${String(front.port)}`];
    const tls = { ...NO_TLS, caCert: ca.certFile };
    await publishSome(pubsub, { tls, addresses });
    await publishSome(pubsub, { tls, addresses: [`localhost:${String(front.port)}`] });
    await publishSome(pubsub, { tls: { ...tls, serverName: 'pubsub.internal' }, addresses });
    await expect(publishSome(pubsub, { tls: { ...tls, caCert: other.certFile }, addresses })).rejects.toMatchObject(
      tlsFailure,
    );
    await expect(publishSome(pubsub, { tls: { ...tls, serverName: 'x.example' }, addresses })).rejects.toMatchObject(
      tlsFailure,
    );
    await expect(publishSome(pubsub, { tls: NO_TLS, addresses })).rejects.toMatchObject(tlsFailure);
    expect((await pubsub.received()).length).toBe(30);
  });

  it('shows a client certificate where the server asks for one', async () => {
    await using dir = await tempDir();
    const ca = createTestCa(dir.path);
    const client = ca.issue('client');
    await using pubsub = await PubsubHarness.start();
    await using front = await TlsTerminator.start(pubsub.emulator.port, {
      ...ca.issue('server'),
      clientCaFile: ca.certFile,
    });
    const addresses = [`127.0.0.1:${String(front.port)}`];
    const tls = { ...NO_TLS, caCert: ca.certFile };
    await publishSome(pubsub, {
      tls: { ...tls, clientCert: client.certFile, clientKey: client.keyFile },
      addresses,
    });
    await expect(publishSome(pubsub, { tls, addresses })).rejects.toMatchObject(tlsFailure);
  });

  it('does not fall back to plain text', async () => {
    await using pubsub = await PubsubHarness.start();
    await expect(publishSome(pubsub, { tls: NO_TLS })).rejects.toMatchObject(tlsFailure);
    expect((await pubsub.received()).length).toBe(0);
  });

  it('names a file that cannot be used', async () => {
    await using dir = await tempDir();
    writeFileSync(join(dir.path, 'junk.pem'), 'junk');
    await using scripted = await ScriptedPubsub.start();
    for (const [tls, name] of [
      [{ ...NO_TLS, caCert: join(dir.path, 'none.pem') }, 'publisher.caCert cannot be read'],
      [{ ...NO_TLS, clientCert: join(dir.path, 'junk.pem'), clientKey: join(dir.path, 'junk.pem') }, 'clientCert'],
    ] as const) {
      await expect(publishSome(scripted, { tls })).rejects.toMatchObject({
        code: 'BROKER_CONFIG',
        retriable: false,
        message: expect.stringContaining(name) as unknown,
      });
    }
  });
});

describe("Pub/Sub: credentials, before a gRPC server of the tests' own", () => {
  /** A server behind TLS, and a way to publish there with a credentials file of this content. */
  async function withFile(
    content: string,
    use: (scripted: ScriptedPubsub, publish: () => Promise<void>, path: string) => Promise<void>,
  ): Promise<void> {
    await using dir = await tempDir();
    const ca = createTestCa(dir.path);
    await using scripted = await ScriptedPubsub.start();
    await using front = await TlsTerminator.start(scripted.port, ca.issue('server'));
    const path = join(dir.path, 'credentials.json');
    writeFileSync(path, content);
    const config = {
      tls: { ...NO_TLS, caCert: ca.certFile },
      addresses: [`localhost:${String(front.port)}`],
      pubsub: { ...scripted.config().publisher.pubsub, credentialsFile: path },
    };
    await use(scripted, () => publishSome(scripted, config), path);
  }

  const serviceAccount = (privateKey: string) =>
    JSON.stringify({
      type: 'service_account',
      project_id: 'test-project',
      private_key_id: 'k1',
      private_key: privateKey,
      client_email: 'wal@test-project.iam.gserviceaccount.com',
    });

  it('of a service account reach the server as a token signed with its key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await withFile(serviceAccount(pem), async (scripted, publish) => {
      await publish();
      expect(scripted.messages.length).toBe(10);
      expect(new Set(scripted.tokens).size).toBe(1);
      const [header = '', claims = ''] = (scripted.tokens[0] ?? '').replace(/^Bearer /, '').split('.');
      const decoded = [header, claims].map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown);
      expect(decoded).toMatchObject([
        { alg: 'RS256', kid: 'k1' },
        { iss: 'wal@test-project.iam.gserviceaccount.com', scope: 'https://www.googleapis.com/auth/pubsub' },
      ]);
    });
  });

  it('that the server refuses are fatal', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await withFile(serviceAccount(pem), async (scripted, publish) => {
      scripted.onCall = () => ({ code: 16, details: 'Request had invalid authentication credentials' });
      await expect(publish()).rejects.toMatchObject({ code: 'BROKER_AUTH', retriable: false });
      expect(scripted.messages).toEqual([]);
    });
  });

  it.each([
    ['no JSON', 's3cr3t', 'it is no JSON'],
    ['no credentials', '{"type":"service_account"}', 'credentials.json cannot be used'],
    ['no key', serviceAccount(''), 'credentials.json cannot be used'],
  ])('in a file that holds %s are fatal, without its content', async (_, content, message) => {
    await withFile(content, async (_scripted, publish, path) => {
      const error: unknown = await publish().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'BROKER_CONFIG', retriable: false });
      expect(String(error)).toContain(message);
      expect(String(error)).toContain(path);
      expect(String(error)).not.toContain('s3cr3t');
    });
  });

  it('in a key that cannot sign are fatal, without the key', async () => {
    await withFile(serviceAccount('s3cr3t'), async (_, publish) => {
      const error: unknown = await publish().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
      expect(String(error)).not.toContain('s3cr3t');
    });
  });

  it('in a file that is missing are fatal, naming it', async () => {
    await using scripted = await ScriptedPubsub.start();
    const pubsub = { ...scripted.config().publisher.pubsub, credentialsFile: '/nowhere/credentials.json' };
    await expect(publishSome(scripted, { tls: NO_TLS, pubsub })).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      retriable: false,
      message: expect.stringContaining('publisher.pubsub.credentialsFile cannot be read') as unknown,
    });
  });

  describe('of a workload identity', () => {
    /** A token endpoint of the tests' own that answers as told. */
    async function withEndpoint(
      answer: { readonly status: number; readonly body: unknown },
      use: (scripted: ScriptedPubsub, publish: () => Promise<void>) => Promise<void>,
    ): Promise<void> {
      await using dir = await tempDir();
      writeFileSync(join(dir.path, 'subject-token'), 'subject');
      const endpoint = createServer((request, response) => {
        request.resume();
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
      });
      await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
      const address = endpoint.address();
      const port = address === null || typeof address === 'string' ? 0 : address.port;
      const file = {
        type: 'external_account',
        audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `http://127.0.0.1:${String(port)}/token`,
        credential_source: { file: join(dir.path, 'subject-token') },
      };
      try {
        await withFile(JSON.stringify(file), use);
      } finally {
        endpoint.closeAllConnections();
        await new Promise((resolve) => endpoint.close(resolve));
      }
    }

    it('reach the server as the token that the endpoint gives', async () => {
      const body = {
        access_token: 't0ken',
        token_type: 'Bearer',
        expires_in: 3600,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      };
      await withEndpoint({ status: 200, body }, async (scripted, publish) => {
        await publish();
        expect(new Set(scripted.tokens)).toEqual(new Set(['Bearer t0ken']));
      });
    });

    it('are fatal when the endpoint refuses', async () => {
      await withEndpoint({ status: 400, body: { error: 'invalid_grant' } }, async (_, publish) => {
        await expect(publish()).rejects.toMatchObject({ code: 'BROKER_AUTH', retriable: false });
      });
    });

    it('are asked for again when the endpoint is down', async () => {
      await withEndpoint({ status: 503, body: {} }, async (_, publish) => {
        await expect(publish()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true });
      });
    });
  });
});

describe('Pub/Sub: addresses', () => {
  it('may be only one', async () => {
    await using scripted = await ScriptedPubsub.start();
    await expect(testDriver(scripted.config({ addresses: ['a:1', 'b:2'] }))).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
    });
  });
});
