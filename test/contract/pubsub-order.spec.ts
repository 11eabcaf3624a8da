import { describe, expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { PubsubHarness } from './pubsub-harness.js';

const signal = new AbortController().signal;
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const fewKeys = (i: number) => ({ key: `k${i % 7}` });

/** The same events as a restarted service sends them: from a position on, counted anew. */
function replay(events: readonly OutgoingEvent[], from: number): readonly OutgoingEvent[] {
  return events.slice(from).map((event, i) => ({ ...event, seq: i + 1 }));
}

async function faults(pubsub: PubsubHarness, sent: readonly OutgoingEvent[], repeats: 'none' | 'suffixes') {
  return deliveryFaults(sent, await pubsub.received(), repeats, 'topic');
}

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: ordering keys')])('%s', () => {
  it('are buckets of the event keys, as many as configured, in order for a subscriber', async () => {
    await using pubsub = await PubsubHarness.start();
    const { pubsub: defaults } = pubsub.config().publisher;
    const driver = await testDriver(pubsub.config({ pubsub: { ...defaults, orderingBuckets: 8 } }, 10_000));
    const attempt = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    for (let i = 0; i < 20; i++) attempt.publish(maker.batch(100, (n) => ({ key: `k${n % 60}` })));
    await attempt.listener.untilSettled(2000);
    await attempt.publisher.close(1000);
    const messages = await pubsub.messages();
    expect(await faults(pubsub, attempt.sent, 'none')).toEqual([]);
    const bucketsOfKey = new Map<string, Set<string>>();
    for (const { body, orderingKey } of messages) {
      const { key } = (JSON.parse(body) as { data: { key: string } }).data;
      bucketsOfKey.set(key, (bucketsOfKey.get(key) ?? new Set()).add(orderingKey));
    }
    expect([...bucketsOfKey.values()].every((buckets) => buckets.size === 1)).toBe(true);
    expect([...new Set(messages.map((message) => message.orderingKey))].toSorted()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
    ]);
  });

  it('let a barrier through only after everything before it, and nothing before the barrier', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({}, 10_000))).open();
    const events = new EventMaker('app').batch(400, (i) => ({
      key: `k${i % 50}`,
      table: i % 2 === 0 ? 'items' : 'orders',
      barrier: i === 100 || i === 101 || i === 300,
    }));
    attempt.publish(events.slice(0, 250));
    attempt.publish(events.slice(250));
    await attempt.listener.untilSettled(400);
    await attempt.publisher.close(1000);
    const order = (await pubsub.received()).map(({ body }) => (JSON.parse(body) as { data: { n: number } }).data.n);
    const sorted = (from: number, to: number) => order.slice(from, to).toSorted((a, b) => a - b);
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i + 1);
    expect([order[100], order[101], order[300]]).toEqual([101, 102, 301]);
    for (const [from, to] of [
      [0, 100],
      [102, 300],
      [301, 400],
    ] as const) {
      expect(sorted(from, to)).toEqual(range(from, to));
    }
  });

  it('are left out without enableOrdering: everything arrives, the newest of each key last', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({ enableOrdering: false }))).open();
    const maker = new EventMaker('app');
    for (let i = 0; i < 10; i++) {
      attempt.publish(maker.batch(200, fewKeys));
      if (i % 3 === 1) pubsub.network.cut();
      await attempt.listener.untilSettled(attempt.sent.length - 400);
    }
    await attempt.listener.untilSettled(2000);
    await attempt.publisher.close(1000);
    expect(await faults(pubsub, attempt.sent, 'suffixes')).toEqual([]);
    expect((await pubsub.messages()).every((message) => message.orderingKey === '')).toBe(true);
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: a failed request is never overtaken')])('%s', () => {
  it('when its answer got lost', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({}, 1000))).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(50, fewKeys));
    await attempt.listener.untilSettled(50);
    pubsub.proxy.filterReplies(() => undefined);
    attempt.publish(maker.batch(50, fewKeys));
    await waitFor(async () => (await pubsub.received()).length === 100, { what: 'the messages in the emulator' });
    attempt.publish(maker.batch(50, fewKeys));
    pubsub.proxy.filterReplies(undefined);
    pubsub.proxy.cut();
    await attempt.listener.untilSettled(150);
    await attempt.publisher.close(1000);
    expect(await faults(pubsub, attempt.sent, 'suffixes')).toEqual([]);
    expect((await pubsub.received()).length).toBeGreaterThan(150);
  });

  it('when the emulator stands still for longer than the time limit', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({}, 1000))).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(50, fewKeys));
    await attempt.listener.untilSettled(50);
    pubsub.emulator.freeze();
    attempt.publish(maker.batch(500, fewKeys));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT', retriable: true });
    pubsub.emulator.thaw();
    attempt.publish(maker.batch(500, fewKeys));
    await attempt.listener.untilSettled(1050);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(await faults(pubsub, attempt.sent, 'suffixes')).toEqual([]);
  });

  it('when the network stands still and then delivers everything', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({}, 1000))).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(50, fewKeys));
    await attempt.listener.untilSettled(50);
    pubsub.network.stall();
    attempt.publish(maker.batch(500, fewKeys));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    attempt.publish(maker.batch(500, fewKeys));
    pubsub.network.resume();
    await attempt.listener.untilSettled(1050);
    await attempt.publisher.close(1000);
    expect(await faults(pubsub, attempt.sent, 'suffixes')).toEqual([]);
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: what an abandoned connection still holds')])('%s', () => {
  /** Waits until the new connection is in use, and a little longer, as late bytes may. */
  async function aLittleAfterConnection(proxy: TcpProxy, number: number): Promise<void> {
    await waitFor(() => proxy.accepted >= number, { what: `connection ${String(number)}` });
    await delay(250);
  }

  it('lands before anything is sent again', async () => {
    await using pubsub = await PubsubHarness.start();
    await using proxy = await TcpProxy.start(pubsub.emulator.port);
    const attempt = await new Attempt(await testDriver(pubsub.config({ addresses: [proxy.address] }, 2000))).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(50, fewKeys));
    await attempt.listener.untilSettled(50);
    proxy.hold();
    attempt.publish(maker.batch(100, fewKeys));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    attempt.publish(maker.batch(100, fewKeys));
    await aLittleAfterConnection(proxy, 2);
    expect(proxy.heldBytes).toBeGreaterThan(100 * 200);
    proxy.release();
    await attempt.listener.untilSettled(250);
    await attempt.publisher.close(1000);
    expect(await faults(pubsub, attempt.sent, 'suffixes')).toEqual([]);
    // They did land, late.
    expect((await pubsub.received()).length).toBeGreaterThan(250);
  });

  it('lands before the next attempt sends anything', async () => {
    await using pubsub = await PubsubHarness.start();
    await using proxy = await TcpProxy.start(pubsub.emulator.port);
    const driver = await testDriver(pubsub.config({ addresses: [proxy.address] }, 2000));
    const first = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    first.publish(maker.batch(50, fewKeys));
    await first.listener.untilSettled(50);
    proxy.hold();
    first.publish(maker.batch(100, fewKeys));
    await waitFor(() => proxy.heldBytes > 100 * 200, { what: 'the requests in the network' });
    await first.publisher.close(0);
    const second = new Attempt(driver);
    await second.publisher.open(signal);
    const prepareAndPublish = async () => {
      await second.publisher.prepare([], signal);
      second.publish(replay([...first.sent, ...maker.batch(100, fewKeys)], 50));
    };
    const publishing = prepareAndPublish();
    await aLittleAfterConnection(proxy, 2);
    proxy.release();
    await publishing;
    await second.listener.untilSettled(200);
    await second.publisher.close(1000);
    const all = [...first.sent.slice(0, 50), ...second.sent];
    expect(await faults(pubsub, all, 'suffixes')).toEqual([]);
    expect((await pubsub.received()).length).toBeGreaterThan(250);
  });

  it('is nothing when the attempt before it ended in order', async () => {
    await using pubsub = await PubsubHarness.start();
    const driver = await testDriver(pubsub.config({}, 60_000));
    const first = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    first.publish(maker.batch(300, fewKeys));
    await first.publisher.close(10_000);
    let confirmed = 0;
    while (first.listener.seqs.has(confirmed + 1)) confirmed += 1;
    const second = await new Attempt(driver).open();
    second.publish(replay([...first.sent, ...maker.batch(300, fewKeys)], confirmed));
    await second.listener.untilSettled(600 - confirmed);
    await second.publisher.close(1000);
    expect(await faults(pubsub, [...first.sent.slice(0, confirmed), ...second.sent], 'suffixes')).toEqual([]);
  });
});
