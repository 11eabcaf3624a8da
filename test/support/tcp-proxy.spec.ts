import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LANE_BYTES } from './proxy-lane.js';
import { TcpProxy } from './tcp-proxy.js';
import { waitFor } from './wait-for.js';

/** One end of a connection, and what it was told. */
class End {
  text = '';
  bytes = 0;
  ended = false;
  closed = false;
  error: string | undefined;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      if (this.bytes < 10_000) this.text += chunk.toString();
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.closed = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code));
  }

  async has(text: string): Promise<void> {
    await waitFor(() => this.text === text, { what: () => `'${text}' instead of '${this.text}'` });
  }
}

const isReset = (end: End) =>
  waitFor(() => end.closed && end.error === 'ECONNRESET', {
    what: () => `a reset; ${String(end.error)}, closed: ${String(end.closed)}`,
  });

describe('TcpProxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  /** The server's ends, in the order of their connections. */
  let served: End[];
  let sockets: Socket[];

  beforeEach(async () => {
    served = [];
    sockets = [];
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      served.push(new End(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    proxy = await TcpProxy.start(address.port);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    server.close();
  });

  function dial(): End {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    return new End(socket);
  }

  /** Both ends of a new connection. */
  async function pair(): Promise<readonly [client: End, server: End]> {
    const before = served.length;
    const client = dial();
    return [client, await waitFor(() => served[before], { what: 'the connection at the server' })];
  }

  it('passes both ways, and the end of each', async () => {
    const [client, far] = await pair();
    client.socket.end('question');
    await far.has('question');
    await waitFor(() => far.ended, { what: 'the end of the questions' });
    far.socket.end('answer');
    await client.has('answer');
    await waitFor(() => client.closed && far.closed, { what: 'the end of the connection' });
    expect([client.error, far.error]).toEqual([undefined, undefined]);
  });

  it('delivers what a client that has gone had sent before a stall was over', async () => {
    const [client, far] = await pair();
    proxy.stall();
    client.socket.write('late');
    await waitFor(() => client.socket.bytesWritten === 4 && client.socket.writableLength === 0, { what: 'the write' });
    client.socket.end();
    const [other] = await pair();
    other.socket.write('in time');
    expect(far.text).toBe('');
    proxy.resume();
    await far.has('late');
    await waitFor(() => far.ended, { what: 'the end' });
    await served[1].has('in time');
  });

  it('delays both ways and keeps the order', async () => {
    const [client, far] = await pair();
    proxy.latency(200);
    const before = performance.now();
    for (let i = 0; i < 10; i++) client.socket.write(String(i));
    await far.has('0123456789');
    proxy.latency(0);
    // It does not overtake what is still on its way.
    proxy.latency(100);
    far.socket.write('a');
    proxy.latency(0);
    far.socket.write('b');
    await client.has('ab');
    expect(performance.now() - before).toBeGreaterThanOrEqual(200);
  });

  it('lets bytes through by drips', async () => {
    const [client, far] = await pair();
    proxy.drip({ bytes: 3, everyMs: 40 });
    const before = performance.now();
    client.socket.write('0123456789');
    await far.has('0123456789');
    expect(performance.now() - before).toBeGreaterThanOrEqual(3 * 40);
    proxy.drip({ bytes: 1, everyMs: 3_600_000 });
    client.socket.write('xyz');
    await far.has('0123456789x');
    proxy.drip(undefined);
    client.socket.write('.');
    await waitFor(() => client.socket.writableLength === 0, { what: 'the write' });
  });

  it('takes connections that lead nowhere', async () => {
    const [before, far] = await pair();
    proxy.halfOpen(true);
    const silent = dial();
    silent.socket.write('anyone?');
    before.socket.write('still here');
    await far.has('still here');
    proxy.halfOpen(false);
    const [after] = await pair();
    after.socket.write('again');
    await served[1].has('again');
    expect(served).toHaveLength(2);
    expect(silent).toMatchObject({ text: '', ended: false, closed: false });
    proxy.cut();
    await isReset(silent);
  });

  it.each(['toServer', 'toClient'] as const)('cuts in the middle of a message %s', async (direction) => {
    const ends = await pair();
    const [from, to] = direction === 'toServer' ? ends : [ends[1], ends[0]];
    proxy.cutAfter(10, direction);
    from.socket.write('0123456');
    await to.has('0123456');
    to.socket.write('the other way does not count');
    await from.has('the other way does not count');
    from.socket.write('789ABCDEF');
    await isReset(to);
    await isReset(from);
    expect(to.text).toBe('0123456789');
    const [again, far] = await pair();
    again.socket.write('0123456789ABCDEF');
    await far.has('0123456789ABCDEF');
  });

  it.each(['toServer', 'toClient'] as const)('closes one direction alone: %s', async (direction) => {
    const ends = await pair();
    const [from, to] = direction === 'toServer' ? ends : [ends[1], ends[0]];
    from.socket.write('before');
    await to.has('before');
    proxy.halfClose(direction);
    from.socket.write('after');
    await waitFor(() => to.ended, { what: 'the end of one direction' });
    to.socket.write('the other way');
    await from.has('the other way');
    expect(to.text).toBe('before');
    expect(from.ended).toBe(false);
  });

  it('keeps back what the present connections send, and lets new ones pass', async () => {
    const [old, far] = await pair();
    proxy.hold();
    old.socket.end('held');
    await waitFor(() => proxy.heldBytes === 4, { what: 'the bytes' });
    const [fresh, farFresh] = await pair();
    fresh.socket.write('fresh');
    await farFresh.has('fresh');
    expect(far.text).toBe('');
    proxy.release();
    await far.has('held');
    await waitFor(() => far.ended, { what: 'the end' });
  });

  it.each([
    ['a receiver that does not read', () => undefined],
    ['a stall', () => proxy.stall()],
  ])('lets a sender wait for %s', async (_, fault) => {
    const [client, far] = await pair();
    fault();
    far.socket.pause();
    const chunk = Buffer.alloc(256 * 1024, 'x');
    let sent = 0;
    // The buffers of sender, proxy and receiver are full when nothing of a chunk gets away for a while.
    const total = 256 * LANE_BYTES;
    while (sent < total && client.socket.writableLength < 32 * LANE_BYTES) {
      client.socket.write(chunk);
      sent += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(total);
    proxy.resume();
    far.socket.resume();
    await waitFor(() => far.bytes === sent, { what: () => `${String(sent)} bytes instead of ${String(far.bytes)}` });
  });

  it('refuses, cuts and filters', async () => {
    proxy.filterReplies((chunk) => (chunk.toString() === 'secret' ? undefined : chunk));
    proxy.filterRequests((chunk) => Buffer.from(chunk.toString().toUpperCase()));
    const [client, far] = await pair();
    client.socket.write('loud');
    await far.has('LOUD');
    far.socket.write('secret');
    await waitFor(() => far.socket.writableLength === 0, { what: 'the write' });
    proxy.cut();
    await isReset(client);
    await isReset(far);
    expect(client.text).toBe('');
    proxy.refuse(true);
    const refused = dial();
    await isReset(refused);
    expect(proxy.accepted).toBe(2);
  });
});
