import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket, type ConnectionOptions } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#lib/kernel';
import { createTestCa } from '../../../test/support/certificates.js';
import { tempDir } from '../../../test/support/temp-dir.js';
import { Delivery, FULL_READS_PER_TURN } from './delivery.js';
import { PgConnection, READ_BYTES } from './pg-connection.js';

const FRAME_BYTES = 1000;
const FRAMES = 16_000;

/** CopyData with XLogData of a message that nobody decodes here. */
function frames(count: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES, 0x2e);
  frame.write('d', 0);
  frame.writeUInt32BE(FRAME_BYTES - 1, 1);
  frame.write('w', 5);
  frame.fill(0, 6, 30);
  return Buffer.concat(Array.from({ length: count }, () => frame));
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Takes the request for TLS, as PostgreSQL does. */
async function acceptTls(plain: Socket): Promise<Socket> {
  const requested = once(plain, 'data');
  await using dir = await tempDir();
  const files = createTestCa(dir.path).issue('server');
  const options = { isServer: true, cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  await requested;
  // In one go: what the client says next is for the TLS socket, and nobody would hear it before.
  plain.write('S');
  return new TLSSocket(plain, options);
}

/** A connection to a server of the test's own, which can write whatever it likes. */
async function connected(ssl: false | ConnectionOptions): Promise<{ delivery: Delivery; server: Socket }> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const holder: { delivery?: Delivery } = {};
  const connection = new PgConnection(
    { ssl, keepAliveInitialDelayMillis: 0, tlsServerName: undefined },
    {
      copyData: (buffer, start, end) => holder.delivery?.copyData(buffer, start, end),
      gulp: (bytes, count) => holder.delivery?.gulp(bytes, count),
      broken: (error) => expect.unreachable(String(error)),
    },
  );
  // What pg's client does, and its typings do not know.
  const untyped = connection as unknown as { connect(port: number, host: string): void; requestSsl(): void };
  const upgraded = once(connection, 'sslconnect');
  if (ssl !== false) connection.once('connect', () => untyped.requestSsl());
  untyped.connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [plain] = (await accepted) as [Socket];
  const server = ssl === false ? plain : await acceptTls(plain);
  if (ssl !== false) await upgraded;
  cleanups.push(() => {
    connection.destroy();
    server.destroy();
    listener.close();
  });
  const events = { replyWanted: () => undefined, failed: (error: unknown) => expect.unreachable(String(error)) };
  holder.delivery = new Delivery(connection, systemClock, events);
  return { delivery: holder.delivery, server };
}

describe('Delivery', () => {
  it.each([
    ['plain', false],
    ['TLS', { rejectUnauthorized: false }],
  ] as const)('lets everything else have its turn between two reads, however much there is: %s', async (_name, ssl) => {
    const { delivery, server } = await connected(ssl);
    let received = 0;
    let turnBegan = 0;
    let mostPerTurn = 0;
    const turns = () => {
      mostPerTurn = Math.max(mostPerTurn, received - turnBegan);
      turnBegan = received;
      if (received < FRAMES) setImmediate(turns);
    };
    setImmediate(turns);
    delivery.start({
      message: () => {
        received += 1;
        return undefined;
      },
      keepalive: () => undefined,
      gulpEnd: () => undefined,
    });
    server.write(frames(FRAMES));
    await vi.waitFor(() => expect(received).toBe(FRAMES), { timeout: 20_000 });
    // Between two looks of ours there may be two turns, and with TLS what was already on its way; not megabytes.
    expect(mostPerTurn * FRAME_BYTES).toBeLessThanOrEqual(3 * FULL_READS_PER_TURN * READ_BYTES);
  });
});
