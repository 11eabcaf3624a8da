import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { sized } from '../support/test-size.js';
import { waitFor } from '../support/wait-for.js';
import { NatsBroker } from './support/nats-broker.js';
import { Scenario } from './support/scenario.js';

const LIMIT_BYTES = 200e6;
const ROWS = sized({ short: 400_000, full: 5_000_000 });
const LARGE_ROWS = sized({ short: 400, full: 2000 });
const OUTAGE_SECONDS = sized({ short: 15, full: 60 });

function start(server: PostgresServer, nats: NatsServer): Child {
  return startService({
    ...databaseVariables(server),
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: nats.url,
    WAL_PUBLISHER_TOPIC: 'shop',
  });
}

async function messagesIn(nats: NatsServer): Promise<number> {
  const client = await nats.client();
  try {
    const info = await (await client.jetstreamManager()).streams.info('shop');
    return info.state.messages;
  } finally {
    await client.close();
  }
}

/** Runs until the stream holds this many messages; returns the largest resident memory meanwhile. */
async function peakWhilePublishing(child: Child, nats: NatsServer, messages: number): Promise<number> {
  await waitFor(async () => (await messagesIn(nats)) >= messages, {
    what: () => `${messages} messages${child.lastOutput()}`,
    deadlineMs: sized({ short: 280_000, full: 800_000 }),
    intervalMs: 250,
  });
  const peak = child.peakRssBytes() ?? Infinity;
  expect(await child.terminate()).toEqual({ code: 0, signal: null });
  expect(await messagesIn(nats)).toBe(messages);
  return peak;
}

describe('resident memory stays below 200 MB', () => {
  it(`in one transaction of ${ROWS.toLocaleString('en')} rows of 500 bytes`, async () => {
    await using server = await startPostgres({ version: 18 });
    await using nats = await startNats();
    await server.query('CREATE TABLE t (id int PRIMARY KEY, filler text)');
    await using child = start(server, nats);
    await child.waitForLine('"msg":"streaming"');
    await server.query(`INSERT INTO t SELECT g, repeat(md5(g::text), 16) FROM generate_series(1, ${ROWS}) g`);
    const peak = await peakWhilePublishing(child, nats, ROWS);
    expect(peak).toBeLessThan(LIMIT_BYTES);
  });

  it(`with ${LARGE_ROWS} rows of 1 MB`, async () => {
    await using server = await startPostgres({ version: 18 });
    await using nats = await startNats({ config: 'max_payload: 8MB' });
    await server.query(
      'CREATE TABLE t (id int PRIMARY KEY, filler text); ALTER TABLE t ALTER filler SET STORAGE EXTERNAL',
    );
    await using child = start(server, nats);
    await child.waitForLine('"msg":"streaming"');
    await server.query(`INSERT INTO t SELECT g, repeat(md5(g::text), 32768) FROM generate_series(1, ${LARGE_ROWS}) g`);
    const peak = await peakWhilePublishing(child, nats, LARGE_ROWS);
    expect(peak).toBeLessThan(LIMIT_BYTES);
  });

  it(`while the broker is down for ${OUTAGE_SECONDS} seconds under load, and nothing is lost`, async () => {
    await using scenario = await Scenario.start(18, NatsBroker.start);
    const listener = scenario.startListener();
    const writers = scenario.writers(7);
    writers.start(30);
    await listener.waitForLine('"msg":"streaming"');
    await delay(1000);
    await scenario.broker.kill();
    await delay(OUTAGE_SECONDS * 1000);
    await scenario.broker.start();
    await writers.stop();
    await scenario.caughtUp(200_000);
    expect(listener.peakRssBytes()).toBeLessThan(LIMIT_BYTES);
    await listener.terminate();
    await scenario.expectNothingLost();
  });
});

/** Waits until nobody streams from the slot. */
async function letsGo(scenario: Scenario): Promise<void> {
  const sql = `SELECT active FROM pg_replication_slots WHERE slot_name = 'wal_listener'`;
  await waitFor(async () => (await scenario.database.query(sql))[0]?.['active'] === false, {
    what: 'the walsender to be let go',
    deadlineMs: 30_000,
  });
}

describe('a broker that is down for longer than maxPause', () => {
  it('does not keep PostgreSQL from a fast shutdown with a single event in flight', async () => {
    await using scenario = await Scenario.start(18, NatsBroker.start, { WAL_LISTENER_MAX_PAUSE: '2s' });
    const listener = scenario.startListener();
    await listener.waitForLine('"msg":"streaming"');
    await scenario.broker.kill();
    await scenario.database.query(`INSERT INTO items VALUES (1, 1, 'alone')`);
    await letsGo(scenario);
    await scenario.database.restart('fast');
    await scenario.broker.start();
    await scenario.caughtUp(60_000);
    expect(await messagesIn(scenario.broker.server)).toBe(1);
  });

  it('does not keep PostgreSQL from a fast shutdown, and everything arrives afterwards', async () => {
    await using scenario = await Scenario.start(18, NatsBroker.start, {
      WAL_LISTENER_MAX_PAUSE: '2s',
      WAL_PUBLISHER_MAX_IN_FLIGHT_EVENTS: '100',
    });
    const listener = scenario.startListener();
    await listener.waitForLine('"msg":"streaming"');
    const writers = scenario.writers(8);
    writers.start(1);
    await delay(1000);
    await scenario.broker.kill();
    await letsGo(scenario);
    // Waits for the end of the server; a walsender that waits for us would keep it for ever.
    await scenario.database.restart('fast');
    await scenario.broker.start();
    await delay(500);
    await writers.stop();
    await scenario.caughtUp(120_000);
    expect(listener.running).toBe(true);
    await listener.terminate();
    await scenario.expectNothingLost();
  });
});
