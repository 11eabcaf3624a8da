import { ConfigResourceTypes } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { eventId, type OutgoingEvent } from '#lib/events';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { AnswerForger } from './answer-forger.js';
import { KafkaHarness, sharedKafka } from './kafka-harness.js';

const server = sharedKafka();
const start = async () => KafkaHarness.start(await server());

async function openAttempt(kafka: KafkaHarness, ackTimeoutMs = 5000): Promise<Attempt> {
  return new Attempt(await testDriver(kafka.config({}, ackTimeoutMs))).open();
}

/** One that does not go through the proxy. */
async function openDirect(kafka: KafkaHarness): Promise<Attempt> {
  return new Attempt(await testDriver(kafka.config({ addresses: [kafka.server.address] }))).open();
}

async function configure(kafka: KafkaHarness, topic: string, settings: Readonly<Record<string, string>>) {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await kafka.server.admin((admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    }),
  );
}

const faults = async (kafka: KafkaHarness, published: readonly OutgoingEvent[], repeats?: 'none') =>
  deliveryFaults(published, await kafka.received(), repeats, 'topic');

/** Some keys, both topics, so that every partition takes part. */
const spread = (i: number) => ({ key: `k${i % 40}`, table: i % 2 === 0 ? 'items' : 'orders' });

describe('Kafka: a refused batch is never overtaken', () => {
  it('when the server stops to take messages of a size while others are on the wire', async () => {
    await using kafka = await start();
    const attempt = new Attempt(await testDriver(kafka.config({ onPoison: 'skip' })));
    await attempt.open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(500, spread));
    await attempt.listener.untilSettled(500);
    await configure(kafka, 'app.public_items', { 'max.message.bytes': '3000' });
    const before = attempt.sent.length;
    for (let i = 0; i < 20; i++)
      attempt.publish(maker.batch(100, (n) => ({ ...spread(n), fillBytes: n === 50 ? 4000 : 500 })));
    await attempt.listener.untilSettled(before + 2000);
    await attempt.publisher.close(1000);
    expect(attempt.listener.isUp).toBe(true);
    // The twenty that are too large by now are passed over.
    const taken = attempt.sent.filter((event) => event.end - event.start < 4000);
    expect(taken).toHaveLength(2480);
    expect(await faults(kafka, taken)).toEqual([]);
  });

  it.each([
    ['a partition that has stored earlier ones', true],
    ['a partition that has stored none yet, and so would take any sequence number', false],
  ])('when it is too large by now and those behind it, on the wire already, are not: %s', async (_name, isUsed) => {
    await using kafka = await start();
    const driver = await testDriver(kafka.config());
    const attempt = await new Attempt(driver).open(undefined, ['app.public_items', 'app.public_orders']);
    const maker = new EventMaker('app');
    if (isUsed) {
      attempt.publish(maker.batch(400, spread));
      await attempt.listener.untilSettled(400);
    } else {
      // The connection is made, another partition was written to.
      attempt.publish([maker.next({ key: 'k1', table: 'orders' })]);
      await attempt.listener.untilSettled(1);
    }
    await configure(kafka, 'app.public_items', { 'max.message.bytes': '40000' });
    kafka.network.stall();
    attempt.publish(maker.batch(40, () => ({ key: 'k0', fillBytes: 1500 })));
    attempt.publish(maker.batch(200, (i) => ({ ...spread(i), fillBytes: 500 })));
    await new Promise((resolve) => setTimeout(resolve, 100));
    kafka.network.resume();
    await attempt.listener.untilSettled(attempt.sent.length);
    await attempt.publisher.close(1000);
    expect(attempt.listener.states).toEqual([]);
    expect(await faults(kafka, attempt.sent)).toEqual([]);
  });

  it('when one topic is gone for a while', async () => {
    await using kafka = await start();
    const own = { ...kafka.config().publisher.kafka, autoCreateTopics: false };
    const attempt = await new Attempt(await testDriver(kafka.config({ kafka: own }))).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(200, spread));
    await attempt.listener.untilSettled(200);
    const before = await kafka.received('app.public_orders');
    await kafka.server.admin((admin) => admin.deleteTopics({ topics: ['app.public_orders'] }));
    attempt.publish(maker.batch(2000, spread));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    const lost = 'topic "app.public_orders" does not exist any more';
    await attempt.listener.until('the cause is named', () => attempt.listener.states.at(-1)?.message === lost);
    await kafka.createTopic('app.public_orders', 4);
    await attempt.listener.untilSettled(2200);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, [...before, ...(await kafka.received())], 'suffixes', 'topic')).toEqual([]);
  });

  it('when it was stored, but not on enough replicas, and those behind it were taken', async () => {
    await using kafka = await start();
    const attempt = await openAttempt(kafka);
    const maker = new EventMaker('app');
    const large = (i: number) => ({ key: `k${i % 40}`, fillBytes: 4000 });
    attempt.publish(maker.batch(400, large));
    await attempt.listener.untilSettled(400);
    const forger = new AnswerForger('app.public_items', 1);
    kafka.network.filterReplies(forger.filter);
    attempt.publish(maker.batch(1000, large));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({
      code: 'BROKER_REFUSED',
      message: expect.stringContaining('NOT_ENOUGH_REPLICAS_AFTER_APPEND') as unknown,
    });
    await attempt.listener.untilSettled(1400);
    await attempt.publisher.close(1000);
    expect(forger.forged).toBe(1);
    const received = await kafka.received();
    expect(deliveryFaults(attempt.sent, received, 'suffixes', 'topic')).toEqual([]);
    expect(received.length).toBeGreaterThan(1400);
  });
});

describe('Kafka: what an abandoned connection still holds', () => {
  it('is refused as soon as the next attempt has written', async () => {
    await using kafka = await start();
    const maker = new EventMaker('app');
    const first = await openAttempt(kafka);
    first.publish(maker.batch(400, spread));
    await first.listener.untilSettled(400);
    kafka.network.stall();
    first.publish(maker.batch(4000, spread));
    await first.publisher.close(0);
    const second = await openDirect(kafka);
    const rest = first.sent.slice(400).map((event, i) => ({ ...event, seq: i + 1 }));
    second.publish(rest.slice(0, 3000));
    await second.listener.untilSettled(3000);
    kafka.network.resume();
    await new Promise((resolve) => setTimeout(resolve, 300));
    second.publish(rest.slice(3000));
    await second.listener.untilSettled(rest.length);
    await second.publisher.close(1000);
    expect(await faults(kafka, first.sent, 'none')).toEqual([]);
  });

  it('does not reorder when the server itself stood still for longer than the time limit', async () => {
    await using kafka = await start();
    const attempt = await openAttempt(kafka, 500);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(400, spread));
    await attempt.listener.untilSettled(400);
    kafka.server.freeze();
    attempt.publish(maker.batch(3000, spread));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT' });
    kafka.server.thaw();
    attempt.publish(maker.batch(1000, spread));
    await attempt.listener.untilSettled(4400);
    await attempt.publisher.close(1000);
    expect(await faults(kafka, attempt.sent)).toEqual([]);
  });

  it('belongs to a publisher that is told to give up when another has taken the slot', async () => {
    await using kafka = await start();
    const maker = new EventMaker('app');
    const first = await openAttempt(kafka);
    first.publish(maker.batch(400, spread));
    await first.listener.untilSettled(400);
    const second = await openDirect(kafka);
    const next = maker.batch(400, spread);
    second.publish(next.map((event, i) => ({ ...event, seq: i + 1 })));
    await second.listener.untilSettled(400);
    first.publish(next);
    expect(await first.listener.untilFailed()).toMatchObject({ code: 'BROKER_OTHER_WRITER', retriable: true });
    await first.publisher.close(1000);
    expect(first.listener.seqs.size).toBe(400);
    await second.publisher.close(1000);
    expect(await faults(kafka, [...first.sent.slice(0, 400), ...next], 'none')).toEqual([]);
  });
});

describe('Kafka: a topic that gets more partitions', () => {
  it('is written to by the new number after the next recovery, nothing is lost and no partition reordered', async () => {
    await using kafka = await start();
    const attempt = await openAttempt(kafka);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(400, (i) => ({ key: `k${i % 40}` })));
    await attempt.listener.untilSettled(400);
    await kafka.server.admin((admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: 'app.public_items', count: 8 }] }),
    );
    attempt.publish(maker.batch(400, (i) => ({ key: `k${i % 40}` })));
    kafka.network.cut();
    attempt.publish(maker.batch(400, (i) => ({ key: `k${i % 40}` })));
    await attempt.listener.untilSettled(1200);
    await attempt.publisher.close(1000);
    const records = await kafka.server.records('app.public_items');
    const ids = records.map(({ value }) => /"id":"([^"]+)"/.exec(String(value))?.[1]);
    expect(new Set(ids)).toEqual(new Set(attempt.sent.map(eventId)));
    const partitions = new Set(records.map(({ partition }) => partition));
    expect([...partitions].some((partition) => partition >= 4)).toBe(true);
    const newest = new Map<string, string>();
    for (const [i, { partition, key }] of records.entries()) newest.set(`${partition}/${String(key)}`, ids[i] ?? '');
    const last = new Set(newest.values());
    // In the partition that a key has now its newest event stands last.
    for (const event of attempt.sent.slice(-40)) expect(last).toContain(eventId(event));
  });
});
