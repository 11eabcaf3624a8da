import { describe, expect, it } from 'vitest';
import { expectSurvived } from '../e2e/support/delivery-cases.js';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import type { Child } from '../support/child-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { FakedClock } from './support/faked-clock.js';
import { terminate, walsenderPid } from './support/own-backends.js';
import { Probes } from './support/probes.js';

const VERSION = 18;
const HOUR_MS = 3_600_000;
const LAG_SECONDS = 'wal_listener_replication_lag_seconds';

/** How far the program's wall clock is off, by its latest log line, in whole hours. */
function hoursOff(listener: Child): number {
  const { time } = JSON.parse(listener.stdout.at(-1) ?? '{}') as { readonly time?: string | number };
  return Math.round((new Date(time ?? Number.NaN).getTime() - Date.now()) / HOUR_MS) + 0;
}

describe('the wall clock of the service', () => {
  it('jumps forward and back by hours: it works on, waits no longer than before, and loses nothing', async () => {
    await using clock = await FakedClock.start();
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using broker = await TcpProxy.start(scenario.broker.server.port);
    const probes = await Probes.create();
    const variables = { ...probes.env, WAL_PUBLISHER_ADDRESS: broker.address };
    const listener = scenario.startListener(variables, { env: clock.env });
    const writers = scenario.writers(VERSION);
    writers.start(20);
    let pid = await walsenderPid(scenario.database);
    for (const hours of [5, -7, 0]) {
      await scenario.confirmsBeyond(await scenario.confirmedLsn());
      // It jumps while events are in flight.
      broker.stall();
      await probes.metricBecomes('wal_listener_in_flight_events', (events) => events > 0);
      await clock.jump(hours);
      // Telling of the lag is a matter of the wall clock; it is never negative, and it is over with what is in flight.
      await probes.metricBecomes(LAG_SECONDS, (lag) => (hours > 0 ? lag > 4 * 3600 : lag >= 0 && lag < 3600));
      await probes.tellsDown('broker');
      broker.resume();
      await probes.becomesReady();

      // Back-offs and deadlines end when they should: both sides are lost and found again.
      const lines = listener.stdout.length;
      await terminate(scenario.database, '%');
      broker.cut();
      pid = await walsenderPid(scenario.database, pid);
      await scenario.confirmsBeyond(await scenario.confirmedLsn());
      await probes.becomesReady();
      await waitFor(() => listener.stdout.length > lines, { what: 'a line in the log' });
      expect(hoursOff(listener)).toBe(hours);
      expect(await probes.healthy()).toBe(true);
    }
    await expectSurvived(scenario, writers, listener);
  });
});
