import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { sized } from '../support/test-size.js';
import { arrivesComplete, expectSurvived, survivesOwnKills } from './support/delivery-cases.js';
import { PubsubBroker } from './support/pubsub-broker.js';
import { Scenario } from './support/scenario.js';

const VERSION = 18;
const ACK_TIMEOUT_MS = 2000;

describe.skipIf(!pubsubAvailable).each([pubsubSuite('from PostgreSQL to Google Pub/Sub')])('%s', () => {
  const given = { version: VERSION, pauseMs: 150, startBroker: PubsubBroker.start } as const;
  arrivesComplete(given, sized({ short: 10_000, full: 60_000 }));
  survivesOwnKills(given, sized({ short: 3, full: 10 }), sized({ short: 1, full: 3 }));

  it('nothing is lost when Pub/Sub stands still for longer than ackTimeout, and the network fails', async () => {
    await using scenario = await Scenario.start(VERSION, PubsubBroker.start, {
      WAL_LISTENER_ACK_TIMEOUT: `${String(ACK_TIMEOUT_MS)}ms`,
    });
    const { emulator, network } = scenario.broker;
    const listener = scenario.startListener();
    await listener.waitForLine('"msg":"streaming"', 40_000);
    const writers = scenario.writers(VERSION + 200);
    writers.start(150);
    await delay(1500);
    emulator.freeze();
    await delay(2 * ACK_TIMEOUT_MS);
    emulator.thaw();
    await delay(1000);
    for (let cut = 0; cut < 5; cut++) {
      network.cut();
      await delay(400);
    }
    network.stall();
    await delay(2 * ACK_TIMEOUT_MS);
    network.resume();
    await delay(1000);
    await expectSurvived(scenario, writers, listener);
  });

  it('goes on with another Pub/Sub in the place of one that was killed when all had been consumed', async () => {
    await using scenario = await Scenario.start(VERSION, PubsubBroker.start);
    const listener = scenario.startListener();
    await scenario.writers(1).writeChanges(scenario.database, 2000);
    await scenario.caughtUp(60_000);
    const before = (await scenario.received()).bodies.size;
    await scenario.broker.replace();
    await scenario.writers(2).writeChanges(scenario.database, 4000);
    await scenario.caughtUp(60_000);
    expect(listener.running).toBe(true);
    await listener.terminate();
    const received = await scenario.expectNothingLost();
    expect(received.bodies.size).toBeGreaterThan(before);
  });
});
