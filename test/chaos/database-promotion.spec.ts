import { describe, expect, it } from 'vitest';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { STREAMING, START_MS } from '../e2e/support/standby-cases.js';
import { createWorkload } from '../e2e/support/workload.js';
import { startPostgres } from '../support/postgres.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Probes } from './support/probes.js';
import { BOTH_HOSTS, promote, replayed, slotsAreSynced, STANDBY_SLOT, startStandby } from './support/standby-server.js';
import { storedPlaces } from './support/stored-places.js';

const CATCH_UP_MS = 120_000;
const IN_FLIGHT = 'wal_listener_in_flight_events';
/** No transactions but the test's own. */
const QUIET = { autovacuum: 'off' };
const makeSlot = (name: string) =>
  `SELECT pg_create_logical_replication_slot('${name}', 'pgoutput', false, false, true)`;

/** So many transactions of one row each, of different lengths. */
const oneByOne = (first: number, count: number) =>
  `DO $$ BEGIN FOR i IN ${first}..${first + count - 1} LOOP
     INSERT INTO orders (id, version, customer, total) VALUES (i, 1, repeat('c', (random() * 200)::int), 1); COMMIT;
   END LOOP; END $$`;

describe.each([17, 18] as const)('promotion of a standby with failover slots, PostgreSQL %i', (version) => {
  it('the service follows to the new primary with events in flight and loses nothing', async () => {
    await using primary = await startPostgres({ version, settings: QUIET });
    await createWorkload(primary, []);
    await using standby = await startStandby(primary, {
      version,
      settings: { sync_replication_slots: 'on' },
      primarySettings: { synchronized_standby_slots: STANDBY_SLOT },
    });
    await primary.query(makeSlot('reference'));
    // Before any further transaction: a slot that does not move is not synced once the standby is past it.
    await slotsAreSynced(standby, ['reference']);
    await using before = Scenario.over(primary, await NatsBroker.start());
    await using broker = await TcpProxy.start(before.broker.server.port);
    const probes = await Probes.create();
    const listener = before.startListener({
      ...probes.env,
      WAL_DATABASE_HOST: BOTH_HOSTS,
      WAL_LISTENER_FAILOVER_SLOT: 'true',
      WAL_PUBLISHER_ADDRESS: broker.address,
    });
    await listener.waitForLine(STREAMING, START_MS);
    await slotsAreSynced(standby, ['wal_listener']);
    const writers = before.writers(version);
    writers.start(5);
    await before.confirmsBeyond(await before.confirmedLsn());

    broker.stall();
    await probes.metricBecomes(IN_FLIGHT, (events) => events > 100);
    await primary.kill();
    await writers.stop();
    await promote(standby);
    broker.resume();

    const after = Scenario.over(standby, before.broker);
    const more = after.writers(version + 1);
    more.start(5);
    await after.confirmsBeyond(await after.confirmedLsn());
    await more.stop();
    await after.caughtUp(CATCH_UP_MS);
    expect(listener.running).toBe(true);
    await probes.becomesReady();
    await listener.terminate();
    await after.expectNothingLost();
  });
});

describe('promotion of a standby', () => {
  it('without a failover slot: the service stops, says that the slot is lost, and makes none anew', async () => {
    await using scenario = await Scenario.start(18, NatsBroker.start);
    const primary = scenario.database;
    await using standby = await startStandby(primary, { version: 18 });
    const listener = scenario.startListener({ WAL_DATABASE_HOST: BOTH_HOSTS });
    await listener.waitForLine(STREAMING, START_MS);
    await primary.query(oneByOne(1, 100));
    await scenario.caughtUp(CATCH_UP_MS);
    await replayed(primary, standby);
    await primary.kill();
    await promote(standby);
    await standby.query(oneByOne(101, 10));

    expect(await listener.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    expect(listener.stdout.at(-1)).toMatch(/SLOT_LOST.*wal_listener was used before and is gone/);
    // Nor at the next start.
    const next = scenario.startListener({ WAL_DATABASE_HOST: BOTH_HOSTS });
    expect(await next.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    expect(next.stdout.at(-1)).toMatch(/SLOT_LOST.*onSlotLost: recreate/);
    expect(await standby.query('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
    expect((await scenario.received()).bodies.size).toBe(100);
  });

  it('that had not received everything: other content never comes under an id that was used', async () => {
    const count = 1000;
    await using primary = await startPostgres({ version: 18 });
    await createWorkload(primary, []);
    await using line = await TcpProxy.start(primary.port);
    const settings = { sync_replication_slots: 'on' };
    await using standby = await startStandby(primary, {
      version: 18,
      settings,
      primaryPort: line.port,
    });
    await using scenario = Scenario.over(primary, await NatsBroker.start());
    const listener = scenario.startListener({ WAL_DATABASE_HOST: BOTH_HOSTS, WAL_LISTENER_FAILOVER_SLOT: 'true' });
    await listener.waitForLine(STREAMING, START_MS);
    await slotsAreSynced(standby, ['wal_listener']);

    line.refuse(true);
    line.cut();
    await primary.query(oneByOne(1, count));
    await scenario.caughtUp(CATCH_UP_MS);
    const { url } = scenario.broker.server;
    const lost = await storedPlaces(url);
    await primary.kill();
    await promote(standby);
    await standby.query(oneByOne(1, count));
    const after = Scenario.over(standby, scenario.broker);
    await after.caughtUp(CATCH_UP_MS);
    expect(listener.running).toBe(true);
    await listener.terminate();

    const all = await storedPlaces(url);
    const anew = all.slice(lost.length);
    expect([lost.length, anew.length]).toEqual([count, count]);
    // Places in the WAL were used a second time, or this proves nothing; ids were not.
    const places = new Set(lost.map(({ place }) => place));
    expect(anew.filter(({ place }) => places.has(place)).length).toBeGreaterThan(0);
    expect(new Set(all.map(({ id }) => id)).size).toBe(2 * count);
  });
});
