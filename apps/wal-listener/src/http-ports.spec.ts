import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, listenOn } from './http-ports.js';

let servers: Server[] = [];
afterEach(() => closeAll(servers));

/** Two ports of one handler, which answers with the path and notes what it was given. */
async function twoPorts() {
  const handled: string[] = [];
  servers = await listenOn(
    (incoming, response) => {
      handled.push(`${String(incoming.method)} ${String(incoming.url)}`);
      response.end('served');
    },
    [
      { key: 'listener.serverPort', host: '127.0.0.1', port: 0, paths: ['/healthz', '/ready'] },
      { key: 'monitoring.promAddr', host: '127.0.0.1', port: 0, paths: ['/metrics'] },
    ],
  );
  const [probes, metrics] = servers.map((server) => (server.address() as AddressInfo).port);
  return { handled, probes, metrics };
}

/** `200 served` */
async function answer(options: RequestOptions, body?: string): Promise<string> {
  const outgoing = request({ host: '127.0.0.1', agent: false, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return `${String(response.statusCode)} ${await text(response)}`;
}

describe('the ports', () => {
  it('serve their own paths and no others', async () => {
    const { handled, probes, metrics } = await twoPorts();
    expect(await answer({ port: probes, path: '/healthz?verbose' })).toBe('200 served');
    expect(await answer({ port: metrics, path: '/metrics' })).toBe('200 served');
    for (const [port, path] of [
      [probes, '/metrics'],
      [metrics, '/ready'],
      [probes, '/'],
      [probes, '/healthz/..%2fmetrics'],
      [probes, '/<script>alert(1)</script>'],
    ] as const) {
      expect(await answer({ port, path })).toBe('404 not found');
    }
    expect(handled).toEqual(['GET /healthz?verbose', 'GET /metrics']);
  });

  it('that cannot be listened on are told with key, address and reason', async () => {
    const { metrics } = await twoPorts();
    const address = { key: 'monitoring.promAddr', host: '127.0.0.1', port: metrics, paths: [] };
    await expect(listenOn(() => undefined, [address])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `monitoring.promAddr: cannot listen on 127.0.0.1:${String(metrics)}: address already in use (EADDRINUSE)`,
      remedy: 'Choose another monitoring.promAddr, or end what uses the port.',
    });
  });

  it('answer HEAD without a body, and refuse what would change something', async () => {
    const { handled, probes } = await twoPorts();
    expect(await answer({ port: probes, path: '/ready', method: 'HEAD' })).toBe('200 ');
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
      expect(await answer({ port: probes, path: '/ready', method })).toBe('405 method not allowed');
    }
    expect(handled).toEqual(['HEAD /ready']);
  });

  it('let others have their turn when one connection asks for thousands of answers', async () => {
    const { handled, probes } = await twoPorts();
    const socket = connect(probes, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000));
    await text(socket).catch(() => '');
    expect(handled.length).toBeGreaterThan(0);
    expect(handled.length).toBeLessThanOrEqual(100);
    expect(await answer({ port: probes, path: '/ready' })).toBe('200 served');
  });

  it('do not wait for a body', async () => {
    const { probes } = await twoPorts();
    const socket = connect(probes, '127.0.0.1');
    socket.write('POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nthe first of many');
    // To the end: the server closes.
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 405 [^]*\r\nConnection: close\r\n[^]*method not allowed$/);
  });
});
