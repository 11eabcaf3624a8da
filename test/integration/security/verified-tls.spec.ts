import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppConfig, DatabaseConfig, PublisherConfig } from '#lib/config';
import { silentLogger } from '#lib/kernel';
import { runPreflight } from '#lib/replication';
import { OPTIONS } from '../../../libs/config/src/schema/option-index.js';
import { EventMaker } from '../../../libs/publishing/src/testing/outgoing-events.js';
import { publisherTestConfig } from '../../../libs/publishing/src/testing/publisher-config.js';
import { Attempt, testDriver } from '../../../libs/publishing/src/testing/publisher-harness.js';
import { createTestCa, type TestCa } from '../../support/certificates.js';
import { tempDir, type TempDir } from '../../support/temp-dir.js';

/** What is said in plain text before TLS begins. */
const PREAMBLES = {
  none: (socket: Socket, secure: () => void) => secure(),
  nats: (socket: Socket, secure: () => void) => {
    const info = {
      server_id: 'x',
      version: '2.10.0',
      proto: 1,
      max_payload: 1_048_576,
      headers: true,
      tls_required: true,
    };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`, secure);
  },
  postgres: (socket: Socket, secure: () => void) => {
    // SSLRequest, answered with yes.
    socket.once('data', () => {
      socket.pause();
      socket.write('S', secure);
    });
  },
} as const;

type Pair = ReturnType<TestCa['issue']>;

/** A server that shows a certificate, and keeps what it is told by a client that believes it. */
class Impostor implements AsyncDisposable {
  /** Bytes that clients sent to it under TLS: their credentials would be among them. */
  told = 0;

  private constructor(private readonly server: Server) {}

  static async start(preamble: keyof typeof PREAMBLES, pair: Pair): Promise<Impostor> {
    const [cert, key] = [readFileSync(pair.certFile), readFileSync(pair.keyFile)];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      PREAMBLES[preamble](socket, () => {
        const secure = new TLSSocket(socket, { isServer: true, cert, key, ALPNProtocols: ['h2'] });
        secure.on('error', () => undefined);
        secure.once('data', (bytes: Buffer) => {
          impostor.told += bytes.length;
          secure.destroy();
        });
      });
    });
    const impostor = new Impostor(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return impostor;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let dir: TempDir;
let ca: TestCa;
let certificates: Record<string, Pair>;

beforeAll(async () => {
  dir = await tempDir();
  ca = createTestCa(dir.path);
  certificates = {
    sound: ca.issue('sound'),
    'of an unknown authority': createTestCa(dir.path, 'stranger').issue('unknown'),
    expired: ca.issue('expired', ['localhost', '127.0.0.1'], Date.now() - 3_600_000),
    'of another name': ca.issue('other', ['other.example']),
  };
});
afterAll(() => dir[Symbol.asyncDispose]());

function pair(fault: string): Pair {
  const found = certificates[fault];
  if (found === undefined) throw new RangeError(fault);
  return found;
}

/** Code and text of what keeps a publisher from publishing. */
async function refusal(config: AppConfig): Promise<string> {
  const attempt = new Attempt(await testDriver(config));
  try {
    await attempt.open(AbortSignal.timeout(20_000));
    attempt.publish(new EventMaker('app').batch(1));
    const error = await attempt.listener.untilFailed();
    return `${error.code} ${error.message}`;
  } catch (error) {
    return `${String(Reflect.get(Object(error), 'code'))} ${String(error)}`;
  } finally {
    await attempt.publisher.close(0);
  }
}

const BROKERS = [
  ['nats', 'nats', {}],
  ['kafka', 'none', { saslMechanism: 'plain' }],
  ['rabbitmq', 'none', {}],
  ['google_pubsub', 'none', { username: undefined, password: undefined, pubSubProjectID: 'p' }],
] as const;
const FAULTS = ['of an unknown authority', 'expired', 'of another name'] as const;
const CLEAR = {
  'of an unknown authority': /self.signed|unable to|issuer|authority/i,
  expired: /expired/i,
  'of another name': /altname|name/i,
};

describe.each(BROKERS)('the publisher of %s', (type, preamble, own) => {
  const configFor = (port: number): AppConfig => {
    const tls = {
      enabled: true,
      caCert: ca.certFile,
      clientCert: undefined,
      clientKey: undefined,
      serverName: undefined,
    };
    const publisher: Partial<PublisherConfig> = { username: 'wal', password: 'secret', tls, ...own };
    const scheme = type === 'rabbitmq' ? 'amqps://' : '';
    return publisherTestConfig({ type, addresses: [`${scheme}127.0.0.1:${String(port)}`], ...publisher });
  };

  it.each(FAULTS)('tells nothing to a server whose certificate is %s, and says so', async (fault) => {
    await using impostor = await Impostor.start(preamble, pair(fault));
    const said = await refusal(configFor(impostor.port));
    expect(said).toMatch(/^BROKER_TLS /);
    expect(said).toMatch(CLEAR[fault]);
    expect(impostor.told).toBe(0);
  });

  it('cannot be made to by a setting of Node', async () => {
    await using impostor = await Impostor.start(preamble, pair('of an unknown authority'));
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await refusal(configFor(impostor.port))).toMatch(/^BROKER_TLS /);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
    expect(impostor.told).toBe(0);
  });

  it('talks to one whose certificate is sound', async () => {
    await using impostor = await Impostor.start(preamble, pair('sound'));
    const said = refusal(configFor(impostor.port));
    await expect.poll(() => impostor.told, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(await said).not.toMatch(/^BROKER_TLS /);
  });
});

describe('the database connection', () => {
  /** Whether the server at this port is told anything, and what the preflight says. */
  async function outcome(mode: DatabaseConfig['ssl']['mode'], fault: string): Promise<readonly [boolean, string]> {
    await using impostor = await Impostor.start('postgres', pair(fault));
    const base = publisherTestConfig({ type: 'stdout' });
    const ssl = { mode, caCert: ca.certFile, clientCert: undefined, clientKey: undefined, serverName: undefined };
    const database = { ...base.database, hosts: ['127.0.0.1'], port: impostor.port, name: 'shop', user: 'wal', ssl };
    const report = await runPreflight({ ...base, database }, silentLogger, AbortSignal.timeout(20_000));
    return [impostor.told > 0, report.findings.map(({ code }) => code).join()];
  }

  it.each([
    ['verify-full', 'sound', true],
    ['verify-full', 'of an unknown authority', false],
    ['verify-full', 'expired', false],
    ['verify-full', 'of another name', false],
    ['verify-ca', 'of an unknown authority', false],
    ['verify-ca', 'expired', false],
    ['verify-ca', 'of another name', true],
    ['require', 'of an unknown authority', true],
  ] as const)('with %s: a certificate that is %s', async (mode, fault, isBelieved) => {
    expect(await outcome(mode, fault)).toEqual([isBelieved, isBelieved ? 'PG_CONNECTION_LOST' : 'PG_TLS']);
  });
});

it('no option but those of the database turns verification off', () => {
  const loosening = OPTIONS.map(({ path }) => path).filter((path) =>
    /verify|insecure|trust|reject|unauthori/i.test(path),
  );
  expect(loosening).toEqual(['database.ssl.skipVerify']);
});
