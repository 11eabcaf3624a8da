import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

/** Twice what a request may take (5 s, looked at every 5 s), four times over for a busy machine. */
const HANG_UP_DEADLINE_MS = 40_000;
/** Nobody listens there: the program tries for ever. */
const NOWHERE = '127.0.0.1:1';

let child: Child;
let probes: number;
let metrics: number;

beforeAll(async () => {
  [probes, metrics] = await Promise.all([freePort(), freePort()]);
  child = startService({
    WAL_DATABASE_HOST: '127.0.0.1',
    WAL_DATABASE_PORT: '1',
    WAL_DATABASE_NAME: 'shop',
    WAL_DATABASE_USER: 'wal',
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: NOWHERE,
    WAL_PUBLISHER_TOPIC: 'shop',
    WAL_LISTENER_SERVER_PORT: String(probes),
    WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(metrics)}`,
  });
  await waitFor(async () => (await ask(probes, 'GET /healthz')).status === 200, {
    what: 'the probes',
    deadlineMs: 60_000,
  });
});
afterAll(() => child[Symbol.asyncDispose]());

interface Answer {
  /** 0 when the connection was closed without one. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

function open(port: number): Socket {
  // A reset is one of the ways to hang up.
  return connect(port, '127.0.0.1').on('error', () => undefined);
}

/** Sends these bytes and reads until the server hangs up. */
async function raw(port: number, request: string): Promise<Answer> {
  const socket = open(port);
  socket.write(request);
  const answer = await text(socket).catch(() => '');
  const [head = '', ...body] = answer.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: body.join('\r\n\r\n') };
}

/** One request as a client sends it; `line` is method and target. */
function ask(port: number, line: string, ...headers: readonly string[]): Promise<Answer> {
  return raw(port, [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n'));
}

/** Nothing tells what answers, in which version, or where in the code. */
function expectAnonymous({ head, body }: Answer): void {
  expect(head).not.toMatch(/^(?:x-powered-by|server|etag|via):/im);
  expect(`${head}\n${body}`).not.toMatch(/express|nest|node_modules|\bnode\b|\.js\b|\n\s+at /i);
}

describe('the HTTP ports', () => {
  it('are read-only: whatever is not GET or HEAD is refused', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE']) {
      for (const [port, path] of [
        [probes, '/healthz'],
        [probes, '/ready'],
        [metrics, '/metrics'],
      ] as const) {
        const answer = await ask(port, `${method} ${path}`, 'X-HTTP-Method-Override: GET');
        expect([method, answer.status, answer.body]).toEqual([method, 405, 'method not allowed']);
        expect(answer.head).toMatch(/^allow: GET, HEAD$/im);
        expectAnonymous(answer);
      }
    }
    // What would make a proxy of the server, or another protocol.
    expect((await ask(probes, 'CONNECT example.com:443')).status).toBe(0);
    expect((await ask(probes, 'BREW /healthz')).status).toBe(400);
    expect((await ask(probes, 'GET /healthz', 'Connection: Upgrade', 'Upgrade: websocket')).head).not.toContain('101');
  });

  it('answer HEAD like GET without a body', async () => {
    for (const [port, path, status] of [
      [probes, '/healthz', 200],
      [probes, '/ready', 500],
      [metrics, '/metrics', 200],
    ] as const) {
      const answer = await ask(port, `HEAD ${path}`);
      expect([path, answer.status, answer.body]).toEqual([path, status, '']);
      expectAnonymous(answer);
    }
  });

  it('serve nothing but their own paths, and tell nothing about what is not there', async () => {
    const paths = [
      '/',
      '/favicon.ico',
      '/healthz/',
      '//healthz',
      '/HEALTHZ',
      '/healthz%00',
      '/healthz/../../../../etc/passwd',
      '/..%2f..%2fetc%2fpasswd',
      '/%2e%2e/%2e%2e/proc/self/environ',
      '/proc/self/environ',
      '/package.json',
      '/__proto__',
      '/constructor',
      '/<script>alert(1)</script>',
      'http://example.com/healthz',
      '*',
    ];
    const asked = [
      ...paths.flatMap((path) => [[probes, path] as const, [metrics, path] as const]),
      [probes, '/metrics'] as const,
      [metrics, '/healthz'] as const,
      [metrics, '/ready'] as const,
    ];
    for (const [port, path] of asked) {
      const answer = await ask(port, `GET ${path}`);
      expect([path, answer.status, answer.body]).toEqual([path, 404, 'not found']);
      expectAnonymous(answer);
    }
    for (const accept of ['application/json', '*/*', '../../x', "'; SELECT 1"]) {
      expectAnonymous(await ask(probes, 'GET /ready?verbose=1&x=%0d%0aSet-Cookie:a=b', `Accept: ${accept}`));
    }
  });

  it('refuse headers and targets above 8 KiB, and what is no HTTP', async () => {
    const large = 'a'.repeat(9_000);
    expect((await ask(probes, 'GET /healthz', `X-Large: ${large}`)).status).toBe(431);
    expect((await ask(metrics, 'GET /metrics', `Cookie: ${large}`)).status).toBe(431);
    expect((await ask(probes, `GET /healthz?${large}`)).status).toBe(431);
    const many = Array.from({ length: 2_000 }, (_, i) => `X-${String(i)}: 1`);
    expect((await ask(probes, 'GET /healthz', ...many)).status).toBe(431);
    for (const junk of [
      'hello\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n',
      'GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n',
      'GET /healthz HTTP/1.1\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nA\u0000B: c\r\n\r\n',
      // Two lengths: where a proxy before it sees one request, there must not be two.
      'POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x',
      'POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    ]) {
      const answer = await raw(probes, junk);
      expect([junk, answer.status]).toEqual([junk, 400]);
      expectAnonymous(answer);
    }
  });

  it('read no body: the answer comes at once and the connection is closed', async () => {
    const before = child.rssBytes() ?? 0;
    for (const [head, status] of [
      ['POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n', 405],
      ['GET /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n', 500],
      ['GET /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n', 404],
    ] as const) {
      const socket = open(probes);
      const answer = text(socket).catch(() => 'reset');
      socket.write(head);
      const part = Buffer.alloc(1_000_000, 'x');
      // A sender that does not care for the answer: 200 MB at most, as fast as they are taken.
      const closed = new Promise((resolve) => socket.once('close', resolve));
      void (async () => {
        for (let i = 0; i < 200 && socket.writable; i++) if (!socket.write(part)) await once(socket, 'drain');
      })().catch(() => undefined);
      await closed;
      const read = await answer;
      if (read !== 'reset') expect(read).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    }
    expect((child.rssBytes() ?? 0) - before).toBeLessThan(100_000_000);
    expect((await ask(probes, 'GET /healthz')).status).toBe(200);
  });

  it('hang up on who is slow, bound how many connect, and stay answerable', async () => {
    const flood = Array.from({ length: 600 }, () => open(metrics).resume());
    const [silent, slow] = [open(probes).resume(), open(probes).resume()];
    slow.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => slow.write('X-A: b\r\n'), 200);
    try {
      const connected = () => flood.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
      await waitFor(() => connected() <= 256, { what: 'the connections beyond the limit to be closed' });
      expect(connected()).toBeGreaterThan(200);
      // The other port is not concerned.
      expect((await ask(probes, 'GET /healthz')).body).toBe('ok');
      await waitFor(() => silent.destroyed && slow.destroyed, {
        what: 'the slow ones to be hung up on',
        deadlineMs: HANG_UP_DEADLINE_MS,
      });
      await waitFor(async () => (await ask(metrics, 'GET /metrics')).status === 200, {
        what: 'metrics again',
        deadlineMs: HANG_UP_DEADLINE_MS,
        intervalMs: 200,
      });
    } finally {
      clearInterval(drip);
      for (const socket of [...flood, silent, slow]) socket.destroy();
    }
    expect(child.running).toBe(true);
  });
});
