import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { POSTGRES_VERSIONS } from '../support/postgres.js';
import { waitFor } from '../support/wait-for.js';
import { Scenario } from './support/scenario.js';
import type { Writers } from './support/workload.js';

const CATCH_UP_MS = 120_000;

/** The load ends, everything arrives, and it was one and the same process all along. */
async function expectSurvived(scenario: Scenario, writers: Writers, listener: Child): Promise<void> {
  await writers.stop();
  await scenario.caughtUp(CATCH_UP_MS);
  expect(listener.running).toBe(true);
  await listener.terminate();
  await scenario.expectNothingLost();
}

describe.each(POSTGRES_VERSIONS)('from PostgreSQL %i to NATS JetStream', (version) => {
  it('200,000 mixed changes of eight writers arrive complete, in order per row, under unique ids', async () => {
    await using scenario = await Scenario.start(version);
    const listener = scenario.startListener();
    await scenario.writers(version).writeChanges(scenario.database, 200_000);
    await scenario.caughtUp(CATCH_UP_MS);
    expect(await listener.terminate()).toEqual({ code: 0, signal: null });
    const received = await scenario.expectNothingLost();
    expect(received.repeats).toBe(0);
    expect(received.bodies.size).toBeGreaterThanOrEqual(200_000);
  });

  it('nothing is lost or changed by twenty SIGKILLs under load', async () => {
    await using scenario = await Scenario.start(version);
    const writers = scenario.writers(version + 100);
    writers.start(5);
    for (let kill = 0; kill < 20; kill++) {
      const listener = scenario.startListener();
      // Every other kill comes a second after the start, wherever the program is then; the others while it streams.
      if (kill % 2 === 1) await listener.waitForLine('"msg":"streaming"');
      await delay(kill % 2 === 0 ? 1000 : 50 * kill);
      await listener.kill();
    }
    await writers.stop();
    expect((await scenario.received()).bodies.size).toBeGreaterThan(1000);
    const listener = scenario.startListener();
    await scenario.caughtUp(CATCH_UP_MS);
    await listener.terminate();
    await scenario.expectNothingLost();
  });

  it('nothing is lost when nats-server is killed and started again five times', async () => {
    await using scenario = await Scenario.start(version);
    const listener = scenario.startListener();
    const writers = scenario.writers(version + 200);
    writers.start(5);
    for (let kill = 0; kill < 5; kill++) {
      await delay(1500);
      await scenario.nats.kill();
      await delay(300);
      await scenario.nats.start();
    }
    await delay(1000);
    await expectSurvived(scenario, writers, listener);
  });

  it('nothing is lost when PostgreSQL is restarted in immediate mode, without a restart of the program', async () => {
    await using scenario = await Scenario.start(version);
    const listener = scenario.startListener();
    const writers = scenario.writers(version + 300);
    writers.start(5);
    for (let restart = 0; restart < 3; restart++) {
      await delay(2000);
      await scenario.database.restart('immediate');
    }
    await delay(1000);
    await expectSurvived(scenario, writers, listener);
  });

  it('nothing is lost when the walsender is terminated ten times, without a restart of the program', async () => {
    await using scenario = await Scenario.start(version);
    const listener = scenario.startListener();
    const writers = scenario.writers(version + 400);
    writers.start(5);
    const terminate = `SELECT pg_terminate_backend(active_pid) AS done FROM pg_replication_slots
      WHERE slot_name = 'wal_listener' AND active_pid IS NOT NULL`;
    for (let round = 0; round < 10; round++) {
      await waitFor(async () => (await scenario.database.query(terminate))[0]?.['done'] === true, {
        what: 'a walsender to terminate',
        deadlineMs: 30_000,
      });
    }
    await expectSurvived(scenario, writers, listener);
  });
});
