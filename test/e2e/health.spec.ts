import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

/** The sides are asked every second, a broker has five to answer. */
const TOLD_MS = 4 * 6_000;
/** A standstill of more than five seconds is told for ten. */
const STOOD_STILL_MS = 6_000;
const FORGIVEN_MS = 4 * 10_000;

type Parts = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

let server: PostgresServer;
let nats: NatsServer;

beforeAll(async () => {
  [server, nats] = await Promise.all([
    startPostgres({ version: 18, settings: { max_slot_wal_keep_size: '1GB' } }),
    startNats(),
  ]);
  await server.query('CREATE TABLE users (id int PRIMARY KEY)');
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** The running program behind two networks, and its probes as an orchestrator sees them. */
class Probed implements AsyncDisposable {
  private constructor(
    readonly child: Child,
    readonly database: TcpProxy,
    readonly broker: TcpProxy,
    private readonly port: number,
    private readonly metricsPort: number,
  ) {}

  static async start(prepare: (broker: TcpProxy) => void = () => undefined): Promise<Probed> {
    const [port, metricsPort] = [await freePort(), await freePort()];
    const [database, broker] = [await TcpProxy.start(server.port), await TcpProxy.start(nats.port)];
    prepare(broker);
    const child = startService({
      ...databaseVariables(server),
      WAL_DATABASE_PORT: database.address.split(':')[1],
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_ADDRESS: broker.address,
      WAL_PUBLISHER_TOPIC: 'shop',
      WAL_LISTENER_REFRESH_CONNECTION: '1s',
      WAL_LISTENER_SERVER_PORT: String(port),
      WAL_MONITORING_PROM_ADDR: `127.0.0.1:${metricsPort}`,
    });
    return new Probed(child, database, broker, port, metricsPort);
  }

  /** `200 ok` */
  async probe(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`);
    return `${response.status} ${await response.text()}`;
  }

  async parts(path = '/ready'): Promise<Parts> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { accept: 'application/json' } });
    const { details } = (await response.json()) as { readonly details: Parts };
    return details;
  }

  async down(path = '/ready'): Promise<string[]> {
    const parts = await this.parts(path);
    return Object.keys(parts).filter((part) => parts[part]['status'] !== 'up');
  }

  /** Waits until exactly these parts are down; the process is alive all the while. */
  async becomesUnready(...parts: readonly string[]): Promise<void> {
    const expected = parts.toSorted().join();
    await waitFor(async () => (await this.down()).toSorted().join() === expected, {
      what: () => `${expected} to be down${this.child.lastOutput()}`,
      deadlineMs: TOLD_MS,
    });
    expect(await this.probe('/ready')).toBe('500 failed');
    expect(await this.probe('/healthz')).toBe('200 ok');
  }

  async becomesReady(): Promise<void> {
    await waitFor(async () => (await this.probe('/ready')) === '200 ok', {
      what: () => `readiness${this.child.lastOutput()}`,
      deadlineMs: 60_000,
    });
    expect(await this.probe('/healthz')).toBe('200 ok');
    expect(await this.down()).toEqual([]);
  }

  async metric(line: string): Promise<void> {
    await waitFor(
      async () => (await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text()).includes(`${line}\n`),
      { what: line, deadlineMs: 30_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
    await Promise.all([this.database[Symbol.asyncDispose](), this.broker[Symbol.asyncDispose]()]);
  }
}

async function storedEvents(): Promise<number> {
  const client = await nats.client();
  try {
    const manager = await client.jetstreamManager();
    return (await manager.streams.info('shop')).state.messages;
  } finally {
    await client.close();
  }
}

describe('probes', () => {
  it('tell which side does not answer, before the first connection, while streaming and in the end', async () => {
    await using probed = await Probed.start((broker) => broker.refuse(true));
    const { broker, database, child } = probed;
    await waitFor(() => probed.probe('/healthz'), { what: 'the first answer', deadlineMs: 40_000 });
    // The slot is looked for meanwhile, so the database is known to answer.
    await probed.becomesUnready('stream', 'broker');
    broker.refuse(false);
    await probed.becomesReady();
    expect(await probed.probe('/metrics')).toBe('404 not found');

    await server.query('INSERT INTO users VALUES (1), (2)');
    await probed.metric('published_events_total{app="wal-listener",subject="shop.public_users",table="users"} 2');
    const { slot, eventLoop } = await probed.parts();
    expect(slot).toMatchObject({ status: 'up', detail: 'reserved', limitBytes: 2 ** 30 });
    expect(slot['retainedBytes']).toBeGreaterThan(0);
    expect(eventLoop['longestDelayMs']).toBeTypeOf('number');

    broker.stall();
    await probed.becomesUnready('broker');
    broker.resume();
    await probed.becomesReady();

    database.stall();
    await probed.becomesUnready('database');
    database.resume();
    await probed.becomesReady();

    database.refuse(true);
    database.cut();
    await probed.becomesUnready('database', 'stream');
    database.refuse(false);
    await probed.becomesReady();

    broker.refuse(true);
    broker.cut();
    await probed.becomesUnready('broker');
    broker.refuse(false);
    await probed.becomesReady();

    // An event that the broker does not acknowledge holds up the end.
    broker.stall();
    await server.query('INSERT INTO users VALUES (3)');
    await probed.metric('wal_listener_in_flight_events 1');
    child.signal('SIGTERM');
    const stopping = async () => (await probed.parts())['stream']['detail'] === 'stopping';
    await waitFor(stopping, { what: 'the stop to begin' });
    expect(await probed.probe('/ready')).toBe('500 failed');
    expect(await probed.probe('/healthz')).toBe('200 ok');
    broker.resume();
    expect(await child.waitForExit(40_000)).toEqual({ code: 0, signal: null });
    expect(await storedEvents()).toBe(3);
  });

  it('tell that the process stood still, and that it goes on', async () => {
    await using probed = await Probed.start();
    await waitFor(() => probed.probe('/healthz'), { what: 'the first answer', deadlineMs: 40_000 });
    await probed.becomesReady();
    probed.child.signal('SIGSTOP');
    await delay(STOOD_STILL_MS);
    probed.child.signal('SIGCONT');
    expect(await probed.probe('/healthz')).toBe('500 failed');
    expect(await probed.down('/healthz')).toEqual(['eventLoop']);
    expect(await probed.probe('/ready')).toBe('500 failed');
    await waitFor(async () => (await probed.probe('/healthz')) === '200 ok', {
      what: 'the standstill to be forgiven',
      deadlineMs: FORGIVEN_MS,
    });
    await probed.becomesReady();
    expect(await probed.child.terminate()).toEqual({ code: 0, signal: null });
  });
});
