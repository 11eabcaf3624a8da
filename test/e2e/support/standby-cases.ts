import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Child } from '../../support/child-process.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import type { BrokerUnderTest } from './broker-under-test.js';
import { Scenario } from './scenario.js';

const VERSION = 18;

export const START_MS = 90_000;
export const STREAMING = '"msg":"streaming"';
export const STANDBY = '"msg":"standby';

/** How many lines of the program's output hold the text. */
export const countOf = (child: Child, text: string): number =>
  child.stdout.filter((line) => line.includes(text)).length;

export interface FrozenCase {
  readonly start: () => Promise<BrokerUnderTest>;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the network to the broker can be held up too: what the frozen one had sent arrives after it woke. */
  readonly behindProxy: boolean;
  /** PostgreSQL gives it up by itself, after wal_sender_timeout (a minute), instead of being told to. */
  readonly untilTimeout?: boolean;
}

export function frozenPublishesNothingMore({ start, env, behindProxy, untilTimeout = false }: FrozenCase): void {
  it('publishes nothing more when it wakes after the take-over, and becomes the standby', async () => {
    await using scenario = await Scenario.start(VERSION, start, env);
    const address = scenario.broker.env['WAL_PUBLISHER_ADDRESS'] ?? '';
    const port = /:(\d+)$/.exec(address)?.[1] ?? '';
    await using network = await TcpProxy.start(Number(port));
    const throughProxy = address.replace(`:${port}`, `:${network.address.split(':')[1]}`);

    await using first = scenario.startListener(behindProxy ? { WAL_PUBLISHER_ADDRESS: throughProxy } : {});
    await first.waitForLine(STREAMING, START_MS);
    await using second = scenario.startListener();
    await second.waitForLine(STANDBY, START_MS);
    const writers = scenario.writers(VERSION + 1);
    writers.start(20);
    await scenario.confirmsBeyond(await scenario.confirmedLsn());

    // It falls asleep with events unacknowledged, some of them still on the network.
    if (behindProxy) network.stall();
    await delay(500);
    first.signal('SIGSTOP');
    await delay(500);
    if (!untilTimeout) {
      await scenario.database.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
      );
    }
    await waitFor(() => countOf(second, STREAMING) > 0, {
      deadlineMs: untilTimeout ? 4 * 60_000 : 120_000,
      what: () => `the take-over${second.lastOutput()}`,
    });
    if (untilTimeout)
      expect(scenario.database.log()).toContain('terminating walsender process due to replication timeout');
    await writers.stop();
    await scenario.caughtUp(60_000);
    const before = await scenario.received();

    if (behindProxy) network.resume();
    first.signal('SIGCONT');
    await waitFor(() => countOf(first, STANDBY) > 0, {
      deadlineMs: START_MS,
      what: () => `the one that woke to be a standby${first.lastOutput()}`,
    });
    const after = await scenario.received();
    expect(after.bodies.size + after.repeats).toBe(before.bodies.size + before.repeats);

    // Nothing keeps it from serving again.
    await second.kill();
    await waitFor(() => countOf(first, STREAMING) > 1, {
      deadlineMs: 120_000,
      what: () => `the one that woke to take over${first.lastOutput()}`,
    });
    await scenario.writers(VERSION + 2).writeChanges(scenario.database, 100);
    await scenario.caughtUp(60_000);
    await first.terminate();
    await scenario.expectNothingLost();
  });
}
