import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Child } from '../../support/child-process.js';
import type { PostgresServer, PostgresVersion } from '../../support/postgres.js';
import type { BrokerUnderTest, DurableBroker } from './broker-under-test.js';
import { Scenario } from './scenario.js';
import type { Writers } from './workload.js';

const CATCH_UP_MS = 120_000;

export interface DeliveryCase<Broker extends BrokerUnderTest> {
  readonly version: PostgresVersion;
  readonly startBroker: () => Promise<Broker>;
  readonly env?: Readonly<Record<string, string>>;
  /** See {@link Scenario.start}. */
  readonly prepare?: (database: PostgresServer) => Promise<void>;
  /** Between two transactions of a writer while things are killed and stopped; default: 5. */
  readonly pauseMs?: number;
}

/** The load ends, everything arrives, and it was one and the same process all along. */
export async function expectSurvived(scenario: Scenario, writers: Writers, listener: Child): Promise<void> {
  await writers.stop();
  await scenario.caughtUp(CATCH_UP_MS);
  expect(listener.running).toBe(true);
  await listener.terminate();
  await scenario.expectNothingLost();
}

export function arrivesComplete(given: DeliveryCase<BrokerUnderTest>, changes: number): void {
  const count = changes.toLocaleString('en');
  it(`${count} mixed changes of eight writers arrive complete, in order per row, under unique ids`, async () => {
    const { version, startBroker, env, prepare } = given;
    await using scenario = await Scenario.start(version, startBroker, env, prepare);
    const listener = scenario.startListener();
    await scenario.writers(version).writeChanges(scenario.database, changes);
    await scenario.caughtUp(CATCH_UP_MS);
    expect(await listener.terminate()).toEqual({ code: 0, signal: null });
    const received = await scenario.expectNothingLost();
    expect(received.repeats).toBe(0);
    expect(received.bodies.size).toBeGreaterThanOrEqual(changes);
  });
}

/** @param stops how often it is also ended in order, with SIGTERM, in the middle of its work */
export function survivesOwnKills(given: DeliveryCase<BrokerUnderTest>, kills: number, stops = 2): void {
  it(`nothing is lost or changed by ${String(kills)} SIGKILLs and ${String(stops)} SIGTERMs under load`, async () => {
    const { version, startBroker, env, prepare, pauseMs = 5 } = given;
    await using scenario = await Scenario.start(version, startBroker, env, prepare);
    const writers = scenario.writers(version + 100);
    writers.start(pauseMs);
    for (let kill = 0; kill < kills; kill++) {
      const before = await scenario.confirmedLsn();
      const listener = scenario.startListener();
      // Every other kill comes a second after the start, wherever the program is then; the others while it delivers.
      if (kill % 2 === 1) await scenario.confirmsBeyond(before);
      await delay(kill % 2 === 0 ? 1000 : 50 * kill);
      await listener.kill();
    }
    for (let stop = 0; stop < stops; stop++) {
      const before = await scenario.confirmedLsn();
      const listener = scenario.startListener();
      await scenario.confirmsBeyond(before);
      await delay(300);
      expect(await listener.terminate(25_000)).toEqual({ code: 0, signal: null });
    }
    await writers.stop();
    const listener = scenario.startListener();
    await scenario.caughtUp(CATCH_UP_MS);
    await listener.terminate();
    const received = await scenario.expectNothingLost();
    expect(received.bodies.size).toBeGreaterThan(kills);
  });
}

export function survivesBrokerKills(given: DeliveryCase<DurableBroker>, kills: number): void {
  it(`nothing is lost when the broker is killed and started again ${String(kills)} times`, async () => {
    const { version, startBroker, env, pauseMs = 5 } = given;
    await using scenario = await Scenario.start(version, startBroker, env);
    const listener = scenario.startListener();
    await listener.waitForLine('"msg":"streaming"', 40_000);
    const writers = scenario.writers(version + 200);
    writers.start(pauseMs);
    for (let kill = 0; kill < kills; kill++) {
      await delay(1500);
      await scenario.broker.kill();
      await delay(300);
      await scenario.broker.start();
    }
    await delay(1000);
    await expectSurvived(scenario, writers, listener);
  });
}
