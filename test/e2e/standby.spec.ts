import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import type { BrokerUnderTest } from './support/broker-under-test.js';
import { KafkaBroker } from './support/kafka-broker.js';
import { NatsBroker } from './support/nats-broker.js';
import { RabbitmqBroker } from './support/rabbitmq-broker.js';
import { Scenario } from './support/scenario.js';

const VERSION = 18;
/** A standby takes over within five seconds of the other's death. */
const TAKEOVER_MS = 4 * 5_000;
const START_MS = 40_000;

const STREAMING = '"msg":"streaming"';
const STANDBY = '"msg":"standby';

const countOf = (child: Child, text: string) => child.stdout.filter((line) => line.includes(text)).length;

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

interface FrozenCase {
  readonly broker: string;
  readonly start: () => Promise<BrokerUnderTest>;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the network to the broker can be held up too: what the frozen one had sent arrives after it woke. */
  readonly behindProxy: boolean;
}

/** Stored repeats would be hidden for as long as the duplicate window is open. */
const NO_DUPLICATE_WINDOW = { WAL_PUBLISHER_NATS_DUPLICATE_WINDOW: '100ms' };

const FROZEN_CASES: readonly FrozenCase[] = [
  { broker: 'NATS JetStream', start: NatsBroker.start, env: NO_DUPLICATE_WINDOW, behindProxy: true },
  {
    broker: 'Apache Kafka',
    start: () => KafkaBroker.start({ topics: 'beforehand' }),
    behindProxy: false,
  },
  { broker: 'RabbitMQ', start: () => RabbitmqBroker.start(), behindProxy: true },
];

describe.each(FROZEN_CASES)('a frozen process before $broker', ({ start, env, behindProxy }) => {
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
    // PostgreSQL gives it up after wal_sender_timeout; no need to wait for that here.
    await scenario.database.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
    );
    await waitFor(() => countOf(second, STREAMING) > 0, {
      deadlineMs: 120_000,
      what: () => `the take-over${second.lastOutput()}`,
    });
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
});
