import { describe, expect, it } from 'vitest';
import { expectSurvived } from '../e2e/support/delivery-cases.js';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { countOf, START_MS, STREAMING } from '../e2e/support/standby-cases.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { Probes } from './support/probes.js';

const VERSION = 18;
const PAUSE_MS = 50;
/** Below what nats-server takes as one message. */
const LARGE_ROW_BYTES = 900_000;

describe('the network before the database', () => {
  it('is slow: with 200 ms each way, and in drops, the service connects, works and keeps its stream', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using network = await TcpProxy.start(scenario.database.port);
    const probes = await Probes.create();
    const advances = async (times: number) => {
      for (let time = 0; time < times; time++) await scenario.confirmsBeyond(await scenario.confirmedLsn());
    };
    network.latency(200);
    const listener = scenario.startListener({
      ...probes.env,
      // A question takes half a second here, and it may have to wait for another.
      WAL_LISTENER_REFRESH_CONNECTION: '10s',
      WAL_DATABASE_PORT: String(network.port),
    });
    await listener.waitForLine(STREAMING, START_MS);
    const writers = scenario.writers(VERSION);
    writers.start(PAUSE_MS);
    await advances(5);
    await probes.becomesReady();
    // 50 KB/s, less than is written; hardly a message comes whole.
    network.drip({ bytes: 500, everyMs: 10 });
    await advances(5);
    expect(await probes.healthy()).toBe(true);
    network.latency(0);
    network.drip(undefined);
    await probes.becomesReady();
    await expectSurvived(scenario, writers, listener);
    expect(countOf(listener, STREAMING)).toBe(1);
  });

  it('breaks in the middle of messages: in the handshake, while streaming, and within a large row', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using network = await TcpProxy.start(scenario.database.port);
    const probes = await Probes.create();
    const listener = scenario.startListener({ ...probes.env, WAL_DATABASE_PORT: String(network.port) });
    const writers = scenario.writers(VERSION + 1);
    writers.start(PAUSE_MS);
    const delivers = async () => scenario.confirmsBeyond(await scenario.confirmedLsn());
    await delivers();
    const connections = (count: number) =>
      waitFor(() => network.accepted >= count, { what: `connection ${count}`, deadlineMs: 60_000 });

    // The handshake of one connection or the other: each sees some 700 bytes of the server's, then answers to questions.
    for (const [direction, sizes] of [
      ['toClient', [1, 20, 400, 5000]],
      ['toServer', [3, 50, 500]],
    ] as const) {
      for (const bytes of sizes) {
        const { accepted } = network;
        network.cutAfter(bytes, direction);
        network.cut();
        // The broken one, and the two after it.
        await connections(accepted + 3);
        await delivers();
      }
    }

    for (const bytes of [1, 33, 5001, 70_003]) {
      const { accepted } = network;
      network.cutAfter(bytes, 'toClient');
      await connections(accepted + 1);
      await delivers();
    }
    await writers.stop();
    await scenario.caughtUp(60_000);
    for (const [row, bytes] of [100_000, 500_000, 800_000].entries()) {
      const { accepted } = network;
      network.cutAfter(bytes, 'toClient');
      await scenario.database.query(
        `INSERT INTO items (id, version, label, blob) VALUES (${row + 1}, 1, 'large', repeat('y', ${LARGE_ROW_BYTES}))`,
      );
      await scenario.caughtUp(60_000);
      expect(network.accepted).toBeGreaterThan(accepted);
    }
    await probes.becomesReady();
    await expectSurvived(scenario, writers, listener);
  });
});
