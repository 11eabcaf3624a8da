import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

const LIMIT_BYTES = 1024 ** 3;
const MANY_BYTES = 3_000_000;
/** What the server writes for itself, and what one small transaction needs. */
const FEW_BYTES = 200_000;
/** The slot is read every second. */
const TOLD_MS = 40_000;
const ROW_DATA = 'nobody-may-see-this';
const PUBLISHED = 'published_events_total{app="wal-listener",subject="shop.public_users",table="users"}';
const FILTERED = 'filter_skipped_events_total{app="wal-listener",table="audit"}';
const RECONNECTS = 'wal_listener_reconnects_total{side="broker"}';
const ACK_PROBLEMS = 'problematic_events_total{app="wal-listener",kind="ack"}';
const PUBLISH_PROBLEMS = 'problematic_events_total{app="wal-listener",kind="publish"}';

let server: PostgresServer;
let nats: NatsServer;

beforeAll(async () => {
  [server, nats] = await Promise.all([
    startPostgres({ version: 18, settings: { max_slot_wal_keep_size: '1GB' } }),
    startNats(),
  ]);
  await server.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
  await server.query('CREATE TABLE audit (id int PRIMARY KEY, entry text)');
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** What the metrics' port says now. */
class Scrape {
  private constructor(
    readonly text: string,
    readonly contentType: string,
  ) {}

  static async of(port: number): Promise<Scrape> {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    return new Scrape(await response.text(), response.headers.get('content-type') ?? '');
  }

  /** The value of a series, written as Prometheus does; undefined when there is none. */
  value(series: string): number | undefined {
    const line = this.text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** Which value of a label has 1; the others must have 0. */
  current(metric: string): string[] {
    const series = [...this.text.matchAll(new RegExp(`^${metric}\\{\\w+="(\\w+)"\\} ([01])$`, 'gm'))];
    return series.flatMap(([, label = '', value]) => (value === '1' ? [label] : []));
  }

  get state(): string {
    return this.current('wal_listener_pipeline_state').join();
  }
}

async function confirmedByServer(): Promise<number> {
  const [slot] = await server.query(
    `SELECT (confirmed_flush_lsn - '0/0')::text AS lsn FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
  );
  return Number(slot?.['lsn']);
}

describe('metrics', () => {
  it('follow events, filters, an outage of the broker and what the slot keeps meanwhile', async () => {
    const port = await freePort();
    const becomes = (what: string, condition: (scrape: Scrape) => unknown) =>
      waitFor(
        async () => {
          const scrape = await Scrape.of(port);
          return Boolean(await condition(scrape)) && scrape;
        },
        { what, deadlineMs: TOLD_MS, intervalMs: 50 },
      );
    await using child = startService({
      ...databaseVariables(server),
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_ADDRESS: nats.url,
      WAL_PUBLISHER_TOPIC: 'shop',
      WAL_LISTENER_EXCLUDE_TABLES: 'audit',
      WAL_LISTENER_REFRESH_CONNECTION: '1s',
      WAL_LISTENER_MAX_PAUSE: '3s',
      WAL_MONITORING_PROM_ADDR: `127.0.0.1:${port}`,
    });

    const started = await becomes(
      'the slot to be told',
      (scrape) => scrape.state === 'streaming' && scrape.current('wal_listener_slot_wal_status').length === 1,
    );
    expect(started.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(started.text).toMatch(
      /^wal_listener_build_info\{version="\d+\.\d+\.\d+",commit="\w+",node="\d+\.\d+\.\d+"\} 1$/m,
    );
    expect(started.current('wal_listener_slot_wal_status')).toEqual(['reserved']);
    expect(started.value('wal_listener_slot_wal_limit_bytes')).toBe(LIMIT_BYTES);
    expect(started.value('wal_listener_slot_safe_wal_bytes')).toBeGreaterThan(LIMIT_BYTES / 2);
    expect(started.value(PUBLISH_PROBLEMS)).toBe(0);
    expect(started.value('process_resident_memory_bytes')).toBeGreaterThan(0);

    await server.query(`INSERT INTO users SELECT g, '${ROW_DATA}' FROM generate_series(1, 3) g`);
    await server.query(`INSERT INTO audit SELECT g, 'x' FROM generate_series(1, 2) g`);
    const quiet = await becomes(
      'the events to be counted, and the position to be that of the server',
      async (scrape) =>
        scrape.value(PUBLISHED) === 3 &&
        scrape.value(FILTERED) === 2 &&
        scrape.value('wal_listener_in_flight_events') === 0 &&
        scrape.value('wal_listener_confirmed_lsn') === (await confirmedByServer()),
    );
    expect(quiet.value('wal_listener_publish_attempts_total')).toBe(3);
    expect(quiet.value('wal_listener_publish_retries_total')).toBe(0);
    expect(quiet.value(RECONNECTS)).toBe(0);
    expect(quiet.value('wal_listener_commit_to_ack_seconds_count')).toBe(1);

    // On the wire and never answered.
    nats.freeze();
    await server.query(`INSERT INTO users VALUES (4, '${ROW_DATA}')`);
    await becomes('the event to be sent', (scrape) => scrape.value('wal_listener_publish_attempts_total') === 4);
    await nats.kill();
    await becomes(
      'the event to be in flight and late',
      (scrape) =>
        scrape.value('wal_listener_in_flight_events') === 1 &&
        (scrape.value('wal_listener_in_flight_bytes') ?? 0) > 100 &&
        (scrape.value('wal_listener_replication_lag_seconds') ?? 0) > 1,
    );
    await server.query(
      `INSERT INTO audit SELECT 10 + g, repeat('x', 1000) FROM generate_series(1, ${MANY_BYTES / 1000}) g`,
    );
    const away = await becomes(
      'the slot to keep what cannot be published, with no stream open',
      (scrape) =>
        ['waiting', 'connecting'].includes(scrape.state) &&
        (scrape.value('wal_listener_replication_lag_bytes') ?? 0) > MANY_BYTES &&
        (scrape.value('wal_listener_replication_lag_seconds') ?? 0) > 3,
    );
    expect(away.value('wal_listener_slot_retained_wal_bytes')).toBeGreaterThan(MANY_BYTES);
    expect(away.value('wal_listener_in_flight_events')).toBe(0);
    expect(away.value(PUBLISHED)).toBe(3);
    expect(away.value(ACK_PROBLEMS)).toBe(1);
    expect(away.value(PUBLISH_PROBLEMS)).toBe(0);

    await nats.start();
    const back = await becomes(
      'all to be published and confirmed',
      async (scrape) =>
        scrape.state === 'streaming' &&
        scrape.value(PUBLISHED) === 4 &&
        scrape.value('wal_listener_replication_lag_seconds') === 0 &&
        (scrape.value('wal_listener_replication_lag_bytes') ?? Infinity) < FEW_BYTES &&
        scrape.value('wal_listener_confirmed_lsn') === (await confirmedByServer()),
    );
    expect(back.value(RECONNECTS)).toBeGreaterThanOrEqual(1);
    expect(back.value('wal_listener_reconnects_total{side="database"}')).toBe(0);
    for (const secret of [ROW_DATA, server.password]) expect(back.text).not.toContain(secret);
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });
});
