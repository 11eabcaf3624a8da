import { describe, expect, it } from 'vitest';
import { expectSurvived } from '../e2e/support/delivery-cases.js';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { countOf, STREAMING } from '../e2e/support/standby-cases.js';
import { waitFor } from '../support/wait-for.js';
import { terminate, walsenderPid } from './support/own-backends.js';
import { Probes } from './support/probes.js';

const VERSION = 18;
/** Between two transactions of a writer. */
const PAUSE_MS = 10;
/** What `pg_ctl stop` waits by default. */
const STOP_DEADLINE_MS = 60_000;

describe('a database that goes away under load', () => {
  it('stops fast and immediately whatever the service does, which says so, survives it and loses nothing', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    const probes = await Probes.create();
    const listener = scenario.startListener(probes.env);
    const writers = scenario.writers(VERSION);
    writers.start(PAUSE_MS);
    for (const mode of ['fast', 'immediate', 'fast'] as const) {
      await scenario.confirmsBeyond(await scenario.confirmedLsn());
      await scenario.database.stop(mode, STOP_DEADLINE_MS);
      await probes.tellsDown('stream');
      expect(await probes.ready()).toBe(false);
      await scenario.database.startAgain();
      await probes.becomesReady();
    }
    await expectSurvived(scenario, writers, listener);
  });

  it('goes on without its control connection, without any, and after crash recovery, again and again', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    const { database } = scenario;
    const probes = await Probes.create();
    const listener = scenario.startListener(probes.env);
    const writers = scenario.writers(VERSION + 1);
    writers.start(PAUSE_MS);
    let pid = await walsenderPid(database);

    // The stream is not disturbed, and the connection is back each time.
    for (let round = 0; round < 5; round++) {
      await terminate(database, 'client backend');
      await scenario.confirmsBeyond(await scenario.confirmedLsn());
    }
    await probes.becomesReady();
    expect(await walsenderPid(database)).toBe(pid);
    expect(countOf(listener, STREAMING)).toBe(1);

    for (let round = 0; round < 5; round++) {
      await terminate(database, '%');
      pid = await walsenderPid(database, pid);
    }

    // A killed walsender makes the server end all sessions and recover.
    for (let round = 1; round <= 2; round++) {
      await scenario.confirmsBeyond(await scenario.confirmedLsn());
      process.kill(pid, 'SIGKILL');
      const recovered = () => database.log().split('automatic recovery in progress').length > round;
      await waitFor(recovered, { what: 'crash recovery', deadlineMs: 60_000 });
      pid = await walsenderPid(database, pid);
    }
    await probes.becomesReady();
    await expectSurvived(scenario, writers, listener);
  });
});
