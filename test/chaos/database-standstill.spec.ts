import { describe, expect, it } from 'vitest';
import { expectSurvived } from '../e2e/support/delivery-cases.js';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { frozenPublishesNothingMore, START_MS, STREAMING } from '../e2e/support/standby-cases.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { walsenderPid } from './support/own-backends.js';
import { Probes } from './support/probes.js';

const VERSION = 18;
/** wal_sender_timeout: after this long each side takes the other for dead. */
const SILENCE_MS = 60_000;
/** A connection is to be made within this. */
const CONNECT_MS = 10_000;
const PAUSE_MS = 100;

// All of them wait for a minute, most of it in vain: at the same time.
describe.concurrent('a standstill that is longer than wal_sender_timeout', () => {
  frozenPublishesNothingMore({
    start: NatsBroker.start,
    // Stored repeats would be hidden for as long as the duplicate window is open.
    env: { WAL_PUBLISHER_NATS_DUPLICATE_WINDOW: '100ms' },
    behindProxy: true,
    untilTimeout: true,
  });

  it('of the database connection while streaming: it is told, given up, and made anew when the network is back', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using network = await TcpProxy.start(scenario.database.port);
    const probes = await Probes.create();
    const listener = scenario.startListener({ ...probes.env, WAL_DATABASE_PORT: String(network.port) });
    const writers = scenario.writers(VERSION + 1);
    writers.start(PAUSE_MS);
    await scenario.confirmsBeyond(await scenario.confirmedLsn());
    const pid = await walsenderPid(scenario.database);

    network.stall();
    await probes.tellsDown('database');
    await listener.waitForLine(/PostgreSQL has been silent for/, 4 * SILENCE_MS);
    expect(await probes.healthy()).toBe(true);
    expect(await probes.down()).toContain('stream');
    network.resume();
    await walsenderPid(scenario.database, pid);
    await probes.becomesReady();
    await expectSurvived(scenario, writers, listener);
  });

  it('of every attempt to connect: each is given up, and the first that gets through streams', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using network = await TcpProxy.start(scenario.database.port);
    const attempts = (count: number) =>
      waitFor(() => network.accepted >= count, {
        what: `attempt ${String(count)}`,
        deadlineMs: count * 4 * CONNECT_MS,
      });
    const probes = await Probes.create();
    // Nobody answers at all.
    network.halfOpen(true);
    const listener = scenario.startListener({ ...probes.env, WAL_DATABASE_PORT: String(network.port) });
    const writers = scenario.writers(VERSION + 2);
    writers.start(PAUSE_MS);
    await attempts(3);
    await probes.tellsDown('database');
    expect(await probes.ready()).toBe(false);
    // The handshake begins, and no more is heard.
    network.halfOpen(false);
    let passed = 0;
    network.filterReplies((chunk) => {
      passed += chunk.length;
      return passed > 100 ? undefined : chunk;
    });
    await attempts(network.accepted + 3);
    expect(await probes.healthy()).toBe(true);
    expect(await probes.ready()).toBe(false);
    network.filterReplies(undefined);
    await listener.waitForLine(STREAMING, START_MS + 4 * CONNECT_MS);
    await probes.becomesReady();
    await expectSurvived(scenario, writers, listener);
  });
});
