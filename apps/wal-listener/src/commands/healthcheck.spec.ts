import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { healthcheck } from './healthcheck.js';

const LEAST = { WAL_DATABASE_NAME: 'shop', WAL_DATABASE_USER: 'u', WAL_PUBLISHER_TYPE: 'stdout' };
let written: string;

beforeEach(() => {
  written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** The exit code against a server that answers like this, and what was asked of it. */
async function against(
  handler: RequestListener,
  timeoutMs?: number,
  others: Readonly<Record<string, string>> = LEAST,
): Promise<{ code: number; paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    handler(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const variables = { ...others, WAL_LISTENER_SERVER_PORT: String((server.address() as AddressInfo).port) };
    return { code: await healthcheck(undefined, variables, timeoutMs), paths };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('healthcheck', () => {
  it('is content with 200, even when the body never ends', async () => {
    expect(await against((_, response) => response.write('ok'))).toEqual({ code: 0, paths: ['/healthz'] });
    expect(written).toBe('');
  });

  it('is content when there is no port to ask', async () => {
    expect(await healthcheck(undefined, LEAST)).toBe(0);
    expect(written).toBe('');
  });

  it('fails with one line when the service is wedged, silent or gone', async () => {
    expect((await against((_, response) => response.writeHead(500).end('failed'))).code).toBe(1);
    expect(written).toMatch(/^wal-listener healthcheck: .*\/healthz on port \d+ answers 500\n$/);
    written = '';
    expect((await against(() => undefined, 50)).code).toBe(1);
    expect(written).toMatch(/no answer within 50 ms\n$/);
    written = '';
    expect(await healthcheck(undefined, { ...LEAST, WAL_LISTENER_SERVER_PORT: '1' })).toBe(1);
    expect(written).toMatch(/^[^\n]*ECONNREFUSED[^\n]*\n$/);
  });

  it('asks the port of the variable when the file is known to the service only', async () => {
    const result = await against((_, response) => response.end('ok'), undefined, {});
    expect(result).toEqual({ code: 0, paths: ['/healthz'] });
    expect(written).toBe('');
  });

  it('fails with one line, not with 2, when the configuration has faults', async () => {
    expect(await healthcheck(undefined, { WAL_PUBLISHER_TYPE: 'pigeon', WAL_LISTENER_SLOT_NAM: 'x' })).toBe(1);
    expect(written).toMatch(/^wal-listener healthcheck: [^\n]*pigeon[^\n]*\n$/);
  });
});
