import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { E2E_POSTGRES_VERSIONS } from '../support/postgres.js';
import { sized } from '../support/test-size.js';
import { waitFor } from '../support/wait-for.js';
import { arrivesComplete, expectSurvived, survivesBrokerKills, survivesOwnKills } from './support/delivery-cases.js';
import { NatsBroker } from './support/nats-broker.js';
import { Scenario } from './support/scenario.js';

describe.each(E2E_POSTGRES_VERSIONS)('from PostgreSQL %i to NATS JetStream', (version) => {
  const given = { version, startBroker: NatsBroker.start, pauseMs: 30 };
  arrivesComplete(given, sized({ short: 100_000, full: 200_000 }));
  survivesOwnKills(given, sized({ short: 12, full: 20 }));
  survivesBrokerKills(given, sized({ short: 3, full: 5 }));
});

describe('from the newest PostgreSQL to NATS JetStream', () => {
  const version = 18;

  it('nothing is lost when PostgreSQL is restarted in immediate mode, without a restart of the program', async () => {
    await using scenario = await Scenario.start(version, NatsBroker.start);
    const listener = scenario.startListener();
    const writers = scenario.writers(version + 300);
    writers.start(20);
    for (let restart = 0; restart < 3; restart++) {
      await delay(2000);
      await scenario.database.restart('immediate');
    }
    await delay(1000);
    await expectSurvived(scenario, writers, listener);
  });

  it('nothing is lost when the walsender is terminated ten times, without a restart of the program', async () => {
    await using scenario = await Scenario.start(version, NatsBroker.start);
    const listener = scenario.startListener();
    const writers = scenario.writers(version + 400);
    writers.start(20);
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
