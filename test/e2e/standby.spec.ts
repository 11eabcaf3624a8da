import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { waitFor } from '../support/wait-for.js';
import { NatsBroker } from './support/nats-broker.js';
import { Scenario } from './support/scenario.js';
import { countOf, frozenPublishesNothingMore, STANDBY, START_MS, STREAMING } from './support/standby-cases.js';

const VERSION = 18;
/** A standby takes over within five seconds of the other's death. */
const TAKEOVER_MS = 4 * 5_000;

async function becomesStreaming(child: Child, times = 1): Promise<void> {
  await waitFor(() => countOf(child, STREAMING) >= times, {
    deadlineMs: TAKEOVER_MS,
    what: () => `the standby to take over${child.lastOutput()}`,
  });
}

describe('two replicas', () => {
  it('one streams, the other is ready as standby and takes over when the first dies or is stopped', async () => {
    const port = await freePort();
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    await using first = scenario.startListener();
    await first.waitForLine(STREAMING, START_MS);
    await using second = scenario.startListener({ WAL_LISTENER_SERVER_PORT: String(port) });
    await second.waitForLine(STANDBY, START_MS);
    const ready = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/ready`, { headers: { accept: 'application/json' } });
      return `${response.status} ${await response.text()}`;
    };
    expect(await ready()).toMatch(/^200 .*"standby"/s);

    const writers = scenario.writers(VERSION);
    writers.start(20);
    await scenario.confirmsBeyond(await scenario.confirmedLsn());
    // It goes on waiting however long the other lives, and says so once.
    await delay(1000);
    expect(countOf(second, STANDBY)).toBe(1);
    expect(countOf(second, STREAMING)).toBe(0);
    const waiting = second.stdout.length;
    await delay(2000);
    expect(second.stdout.slice(waiting)).toEqual([]);

    await first.kill();
    await becomesStreaming(second);
    expect(await ready()).toMatch(/^200 .*"streaming"/s);

    // And back: the pod that comes in the place of the first is the next standby.
    await using third = scenario.startListener();
    await third.waitForLine(STANDBY, START_MS);
    expect(await second.terminate()).toEqual({ code: 0, signal: null });
    await becomesStreaming(third);
    await writers.stop();
    await scenario.caughtUp(60_000);
    expect(await third.terminate()).toEqual({ code: 0, signal: null });
    await scenario.expectNothingLost();
  });
});

describe('a frozen process before NATS JetStream', () => {
  frozenPublishesNothingMore({
    start: NatsBroker.start,
    // Stored repeats would be hidden for as long as the duplicate window is open.
    env: { WAL_PUBLISHER_NATS_DUPLICATE_WINDOW: '100ms' },
    behindProxy: true,
  });
});
