import { expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { deliveryFaults } from './delivery-check.js';
import { EventMaker } from './outgoing-events.js';
import { Attempt, type BrokerHarness, testDriver } from './publisher-harness.js';

const KEYS = 50;
const BATCH = 200;

/** Events on a few keys, several topics, now and then a barrier. */
function mixed(maker: EventMaker, count: number): readonly OutgoingEvent[] {
  return maker.batch(count, (i) => ({
    key: `k${i % KEYS}`,
    table: i % 3 === 0 ? 'orders' : 'items',
    barrier: i % 97 === 96,
    fillBytes: i % 200,
  }));
}

/** Publishes batch after batch, as the pipeline does: a limited number unsettled, whatever else happens meanwhile. */
async function feed(attempt: Attempt, maker: EventMaker, batches: number, timeoutMs = 30_000): Promise<void> {
  for (let i = 0; i < batches; i++) {
    attempt.publish(mixed(maker, BATCH));
    await attempt.listener.until(
      `fewer than 2000 of ${attempt.sent.length} events in flight`,
      () => attempt.sent.length - attempt.listener.seqs.size < 2000,
      timeoutMs,
    );
  }
}

async function allSettled(attempt: Attempt, timeoutMs = 30_000): Promise<void> {
  await attempt.listener.untilSettled(attempt.sent.length, timeoutMs);
}

/**
 * What every publisher promises (see Publisher), proven against the real broker. `start` gives a broker of the test's
 * own; it is disposed of after each test.
 */
export function publisherContract(start: () => Promise<BrokerHarness>): void {
  it('delivers every event once, in order per key, with its id', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    await attempt.publisher.prepare(['app.public_items', 'app.public_orders'], new AbortController().signal);
    await feed(attempt, new EventMaker('app'), 20);
    await allSettled(attempt);
    await attempt.publisher.close(1000);
    const received = await broker.received();
    expect(deliveryFaults(attempt.sent, received, 'none', broker.orderedWithin)).toEqual([]);
    expect(received.every((message) => message.id !== undefined)).toBe(true);
    expect(attempt.listener.errors).toEqual([]);
  });

  it('settles nothing that the broker has not acknowledged', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    const maker = new EventMaker('app');
    await feed(attempt, maker, 1);
    await allSettled(attempt);
    broker.network.stall();
    attempt.publish(mixed(maker, BATCH));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(attempt.listener.seqs.size).toBe(BATCH);
    broker.network.resume();
    await allSettled(attempt);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await broker.received(), 'suffixes', broker.orderedWithin)).toEqual([]);
  });

  it('goes on in order when the connection is cut again and again', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    const cutting = setInterval(() => broker.network.cut(), 100);
    try {
      await feed(attempt, new EventMaker('app'), 60);
    } finally {
      clearInterval(cutting);
    }
    await allSettled(attempt);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await broker.received(), 'suffixes', broker.orderedWithin)).toEqual([]);
    expect(broker.network.accepted).toBeGreaterThan(1);
  });

  it('survives a broker that is killed under load, and says so meanwhile', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    const feeding = feed(attempt, new EventMaker('app'), 40, 60_000);
    await attempt.listener.untilSettled(1000);
    await broker.kill();
    await attempt.listener.until('the broker is reported down', () => attempt.listener.wasDown);
    await expect(attempt.publisher.checkHealth(new AbortController().signal)).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
    });
    await broker.start();
    await feeding;
    await allSettled(attempt, 60_000);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await broker.received(), 'suffixes', broker.orderedWithin)).toEqual([]);
  });

  it('stores nothing after close, and everything it settled', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    const maker = new EventMaker('app');
    for (let i = 0; i < 40; i++) attempt.publish(mixed(maker, BATCH));
    await attempt.listener.untilSettled(500);
    await attempt.publisher.close(5000);
    const settled = new Set(attempt.settledIds());
    const atClose = (await broker.received()).length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    const later = await broker.received();
    expect(later.length).toBe(atClose);
    const stored = new Set(later.map((message) => message.id));
    expect([...settled].filter((id) => !stored.has(id))).toEqual([]);
  });

  it('takes over from an attempt that was cut off, without reordering', async () => {
    await using broker = await start();
    const driver = await testDriver(broker.config());
    const first = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    for (let i = 0; i < 20; i++) first.publish(mixed(maker, BATCH));
    await first.listener.untilSettled(300);
    await first.publisher.close(0);
    // PostgreSQL sends again from the last position that was confirmed: everything settled without a gap.
    let confirmed = 0;
    while (first.listener.seqs.has(confirmed + 1)) confirmed += 1;
    const second = await new Attempt(driver).open();
    const again = first.sent.slice(confirmed).map((event, i) => ({ ...event, seq: i + 1 }));
    second.publish(again);
    await allSettled(second);
    await second.publisher.close(1000);
    expect(deliveryFaults(first.sent, await broker.received(), 'suffixes', broker.orderedWithin)).toEqual([]);
  });

  it('needs nothing of an event once it is settled', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config())).open();
    const maker = new EventMaker('app');
    const slabs = new Map<number, Buffer>();
    attempt.listener.onSettled = (seq) => slabs.get(seq)?.fill('#');
    const pristine: OutgoingEvent[] = [];
    for (let round = 0; round < 20; round++) {
      const events = mixed(maker, 20);
      pristine.push(...events);
      const copies = events.map((event) => {
        const slab = Buffer.from(event.slab);
        slabs.set(event.seq, slab);
        return { ...event, slab, keySlab: slab };
      });
      attempt.publish(copies.slice(0, 10));
      // Some rounds follow an acknowledgement, some a lost connection, some neither.
      if (round % 2 === 0) await attempt.listener.untilSettled(round * 20 + 10);
      if (round % 5 === 4) broker.network.cut();
      attempt.publish(copies.slice(10));
      if (round % 3 === 0) await attempt.listener.untilSettled(round * 20 + 20);
    }
    await allSettled(attempt);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(pristine, await broker.received(), 'suffixes', broker.orderedWithin)).toEqual([]);
    expect(attempt.listener.errors).toEqual([]);
  });

  it('reports an unreachable broker as retriable, soon, and can be aborted', async () => {
    await using broker = await start();
    await broker.kill();
    const driver = await testDriver(broker.config());
    const attempt = new Attempt(driver);
    await expect(attempt.open()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true });
    const aborted = new AbortController();
    const opening = new Attempt(driver).open(aborted.signal);
    aborted.abort();
    await expect(opening).rejects.toMatchObject({ retriable: true });
    await attempt.publisher.close(0);
  });

  it('answers a health check while it publishes, and refuses it while the network stands still', async () => {
    await using broker = await start();
    const attempt = await new Attempt(await testDriver(broker.config({}, 60_000))).open();
    const feeding = feed(attempt, new EventMaker('app'), 10);
    await attempt.publisher.checkHealth(new AbortController().signal);
    await feeding;
    await allSettled(attempt);
    broker.network.stall();
    await expect(attempt.publisher.checkHealth(new AbortController().signal)).rejects.toMatchObject({
      retriable: true,
    });
    broker.network.resume();
    await attempt.publisher.close(0);
  });

  it('makes a name that the broker takes of any name', async () => {
    await using broker = await start();
    const driver = await testDriver(broker.config());
    const attempt = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    const names = [
      'app.public_a b',
      'app.public_tab\there',
      'app.public_*',
      'app.public_>',
      'app.public_テスト',
      'app.x.y',
    ];
    attempt.publish(maker.batch(names.length, (i) => ({ topic: driver.topicName(names[i] ?? '') })));
    await allSettled(attempt);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await broker.received(), 'none', broker.orderedWithin)).toEqual([]);
  });
}
