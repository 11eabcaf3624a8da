import { createServer, type Socket } from 'node:net';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { abandon } from './abandon.js';

const CHUNK_BYTES = 1024 * 1024;

/** A peer that greets as a NATS server does and then stops reading. */
async function deafServer() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(
      `INFO ${JSON.stringify({ server_id: 'deaf', version: '2.9.0', max_payload: 64 * CHUNK_BYTES, headers: true })}\r\n`,
    );
    socket.on('data', (chunk) => {
      if (!chunk.includes('PING')) return;
      socket.write('PONG\r\n');
      socket.pause();
      socket.removeAllListeners('data');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, sockets, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

describe('abandon', () => {
  it('takes back what the network has not taken yet', async () => {
    const { server, sockets, port } = await deafServer();
    const connection = await connect({ servers: `127.0.0.1:${String(port)}`, reconnect: false });
    for (let i = 0; i < 32; i++) connection.publish('late', Buffer.alloc(CHUNK_BYTES));
    // The client hands its buffer to the socket in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(abandon(connection)).toBe(true);
    const [socket] = sockets;
    if (socket === undefined) throw new Error('nobody connected');
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    await closed;
    expect(bytes).toBeLessThan(CHUNK_BYTES);
    await connection.closed();
    server.close();
  });

  it('says when the client keeps its socket elsewhere', () => {
    expect(abandon({} as Parameters<typeof abandon>[0])).toBe(false);
  });
});
