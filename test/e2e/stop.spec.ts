import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { E2E_POSTGRES_VERSIONS } from '../support/postgres.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { sized } from '../support/test-size.js';
import { waitFor } from '../support/wait-for.js';
import { NatsBroker } from './support/nats-broker.js';
import { Scenario } from './support/scenario.js';

/** The commit LSN is the first 64 of an id's free bits, around the version digit and the variant. */
function commitLsn(id: string): bigint {
  const hex = id.replaceAll('-', '');
  const variantByte = BigInt(`0x${hex.slice(16, 18)}`);
  return (BigInt(`0x${hex.slice(0, 12)}${hex.slice(13, 16)}`) << 4n) | ((variantByte >> 2n) & 0xfn);
}

describe.each(E2E_POSTGRES_VERSIONS)('stopping under load, PostgreSQL %i', (version) => {
  it('SIGTERM ends with 0 in time, and the next start goes on with the successor of the last confirmed event', async () => {
    await using scenario = await Scenario.start(version, NatsBroker.start);
    const writers = scenario.writers(version + 500);
    writers.start(10);
    const runs: string[][] = [];
    const confirmed: bigint[] = [];
    for (let round = 0; round < sized({ short: 3, full: 6 }); round++) {
      const ids: string[] = [];
      const listener = scenario.startListener(
        { WAL_PUBLISHER_TYPE: 'stdout', WAL_PUBLISHER_TOPIC: '' },
        { keepStdout: false, onLine: (line) => ids.push(line.slice(7, 43)) },
      );
      await waitFor(() => ids.length > 0, { what: 'the first event', deadlineMs: 60_000 });
      await delay(500);
      expect(await listener.terminate(25_000)).toEqual({ code: 0, signal: null });
      runs.push(ids);
      confirmed.push(await scenario.confirmedLsn());
    }
    await writers.stop();
    const reference = [...(await scenario.reference()).bodies.keys()];
    for (let round = 1; round < runs.length; round++) {
      const successor = reference.findIndex((id) => commitLsn(id) >= confirmed[round - 1]);
      expect(runs[round][0]).toBe(reference[successor]);
      // Whatever was confirmed had been published, and each run is a gapless stretch of the history.
      expect(reference.slice(successor, successor + runs[round].length)).toEqual(runs[round]);
      expect(runs[round].length).toBeGreaterThan(0);
    }
  });
});

describe('stopping while starting', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s right after the start ends with 0', async (signal) => {
    await using scenario = await Scenario.start(18, NatsBroker.start);
    const listener = scenario.startListener();
    await listener.waitForLine('"msg":"starting"');
    listener.signal(signal);
    expect(await listener.waitForExit(25_000)).toEqual({ code: 0, signal: null });
  });

  it('a signal ends the wait for a database that is not there', async () => {
    await using scenario = await Scenario.start(18, NatsBroker.start);
    await scenario.database.stop('fast');
    const listener = scenario.startListener();
    await listener.waitForLine('PG_CONNECTION_LOST');
    expect(await listener.terminate(25_000)).toEqual({ code: 0, signal: null });
  });

  it.each([0, 4, 8, 12])('a database that falls silent after %i answers does not keep the program', async (answers) => {
    await using scenario = await Scenario.start(18, NatsBroker.start);
    await using proxy = await TcpProxy.start(scenario.database.port);
    let seen = 0;
    proxy.filterReplies((chunk) => (++seen > answers ? undefined : chunk));
    const listener = scenario.startListener({ WAL_DATABASE_PORT: proxy.address.split(':')[1] });
    await waitFor(() => seen > answers, { what: 'the database to fall silent', deadlineMs: 40_000 });
    expect(await listener.terminate(25_000)).toEqual({ code: 0, signal: null });
  });
});
