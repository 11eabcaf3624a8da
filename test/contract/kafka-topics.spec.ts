import type { IHeaders, KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { eventId } from '#lib/events';
import type { PublisherConfig } from '#lib/config';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { partitionOf } from '../../libs/publishing/src/kafka/codec/murmur2.js';
import { KafkaHarness, sharedKafka } from './kafka-harness.js';

const server = sharedKafka();
const start = async (publisher: Partial<PublisherConfig> = {}) => KafkaHarness.start(await server(), publisher);
const { kafka: defaults } = publisherTestConfig({ type: 'kafka' }).publisher;

const signal = () => new AbortController().signal;

/** What a consumer of the ecosystem gets of a topic. */
async function consume(kafka: KafkaHarness, topic: string, count: number): Promise<readonly KafkaMessage[]> {
  const consumer = kafka.server.client().consumer({ groupId: `test-${topic}` });
  const messages: KafkaMessage[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      void consumer
        .run({
          eachMessage: ({ message }) => {
            messages.push(message);
            if (messages.length === count) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return messages;
}

const text = (headers: IHeaders | undefined) =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));

describe('Kafka: topics that do not exist', () => {
  it('are listed all at once, with the commands that create them', async () => {
    await using kafka = await start({ kafka: { ...defaults, partitions: 6 } });
    const attempt = new Attempt(await testDriver(kafka.config()));
    await attempt.publisher.open(signal());
    const preparing = attempt.publisher.prepare(['app.a', 'app.public_items', 'app.b'], signal());
    const error = await preparing.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    await attempt.publisher.close(0);
    expect(error).toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringMatching(/"app\.a", "app\.b"/) as unknown,
      remedy: expect.stringContaining("--create --topic 'app.b' --partitions 6") as unknown,
    });
  });

  it('end the service when they are met later', async () => {
    await using kafka = await start({ kafka: defaults });
    const attempt = await new Attempt(await testDriver(kafka.config())).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(3, (i) => ({ table: i === 2 ? 'new' : 'items' })));
    expect(await attempt.listener.untilFailed()).toMatchObject({ code: 'BROKER_CONFIG', retriable: false });
    await attempt.publisher.close(1000);
  });

  it('are created when that is allowed, as configured, at start and when they are met', async () => {
    const created = { ...defaults, autoCreateTopics: true, partitions: 3, replicationFactor: 1 };
    await using kafka = await start({ kafka: created });
    const attempt = await new Attempt(await testDriver(kafka.config())).open(signal(), ['app.public_start']);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(30, (i) => ({ table: ['start', 'later', 'items'][i % 3] ?? '' })));
    await attempt.listener.untilSettled(30);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await kafka.received(), 'none', 'topic')).toEqual([]);
    const names = ['app.public_start', 'app.public_later'];
    const { topics } = await kafka.server.admin((admin) => admin.fetchTopicMetadata({ topics: names }));
    expect(topics.map(({ partitions }) => partitions.length)).toEqual([3, 3]);
  });

  it('are not created with more replicas than there are brokers, until there are as many', async () => {
    await using kafka = await start({ kafka: { ...defaults, autoCreateTopics: true, replicationFactor: 3 } });
    const attempt = new Attempt(await testDriver(kafka.config()));
    await attempt.publisher.open(signal());
    await expect(attempt.publisher.prepare(['app.three'], signal())).rejects.toMatchObject({
      code: 'BROKER_REFUSED',
      retriable: true,
      message: expect.stringContaining('app.three') as unknown,
      remedy: expect.stringContaining('publisher.kafka.replicationFactor') as unknown,
    });
    await attempt.publisher.close(0);
  });

  it('may have names that are longer than Kafka takes', async () => {
    await using kafka = await start();
    const driver = await testDriver(kafka.config());
    const attempt = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    const names = [`app.${'x'.repeat(300)}1`, `app.${'x'.repeat(300)}2`, 'app.public_テスト'].map((name) =>
      driver.topicName(name),
    );
    attempt.publish(maker.batch(6, (i) => ({ topic: names[i % 3] ?? '' })));
    await attempt.listener.untilSettled(6);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await kafka.received(), 'none', 'topic')).toEqual([]);
  });
});

describe('Kafka: a message that is too large', () => {
  async function publishOversized(onPoison: 'halt' | 'deadLetter' | 'skip', compression: 'none' | 'gzip' = 'none') {
    const kafka = await start();
    await kafka.createTopic('app.public_small', 2, { 'max.message.bytes': '5000' });
    const log = { lines: [] as string[] };
    const own = { ...kafka.config().publisher.kafka, compression };
    const attempt = await new Attempt(await testDriver(kafka.config({ onPoison, kafka: own }), log)).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(9, (i) => ({ key: 'k', table: 'small', fillBytes: i === 4 ? 6000 : 1000 })));
    return { kafka, attempt, log };
  }

  it('halts by default, when all before it is settled, and says what is too large', async () => {
    const { kafka, attempt } = await publishOversized('halt');
    await using _ = kafka;
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'POISON', facts: { table: 'public.small', limitBytes: 5000 } });
    expect(error.message).toContain('max.message.bytes of topic app.public_small');
    expect([...attempt.listener.seqs]).toEqual([1, 2, 3, 4]);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent.slice(0, 4), await kafka.received(), 'none', 'topic')).toEqual([]);
  });

  it('is passed over when the policy says so', async () => {
    const { kafka, attempt, log } = await publishOversized('skip');
    await using _ = kafka;
    await attempt.listener.untilSettled(9);
    await attempt.publisher.close(1000);
    const others = attempt.sent.filter((_event, i) => i !== 4);
    expect(deliveryFaults(others, await kafka.received(), 'none', 'topic')).toEqual([]);
    expect(log.lines.filter((line) => line.includes('passed over'))).toHaveLength(1);
  });

  it('leaves a dead letter in its place when the policy says so', async () => {
    const { kafka, attempt } = await publishOversized('deadLetter');
    await using _ = kafka;
    await attempt.listener.untilSettled(9);
    await attempt.publisher.close(1000);
    const letters = await kafka.server.records('app.dead_letter');
    const id = eventId(attempt.sent[4]);
    expect(letters.map(({ key }) => String(key))).toEqual(['k']);
    expect(JSON.parse(String(letters[0]?.value))).toMatchObject({ id, table: 'small', limit: 5000 });
    expect(letters[0]?.headers).toContain(`id=${id}`);
  });

  it('is no such message when it is small enough compressed', async () => {
    const { kafka, attempt } = await publishOversized('halt', 'gzip');
    await using _ = kafka;
    await attempt.listener.untilSettled(9);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await kafka.received(), 'none', 'topic')).toEqual([]);
  });

  it('is written up to the limit of the topic exactly', async () => {
    await using kafka = await start({ onPoison: 'skip' });
    await kafka.createTopic('app.public_exact', 1, { 'max.message.bytes': '3000' });
    const attempt = await new Attempt(await testDriver(kafka.config())).open();
    const maker = new EventMaker('app');
    for (let fillBytes = 2500; fillBytes < 2800; fillBytes += 10) {
      attempt.publish([maker.next({ key: 'k', table: 'exact', fillBytes })]);
    }
    await attempt.listener.untilSettled(30);
    await attempt.publisher.close(1000);
    expect(attempt.listener.states).toEqual([]);
    const stored = (await kafka.received()).length;
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(30);
    expect(deliveryFaults(attempt.sent.slice(0, stored), await kafka.received(), 'none', 'topic')).toEqual([]);
  });
});

describe('Kafka: a message as consumers see it', () => {
  it('has key, value and headers, and lies where the default partitioner puts its key', async () => {
    await using kafka = await start();
    for (const metadata of [false, true]) {
      const table = metadata ? 'orders' : 'items';
      const attempt = await new Attempt(await testDriver(kafka.config({ metadata }))).open();
      const maker = new EventMaker('app').restartAt(metadata ? 100 : 0);
      attempt.publish(maker.batch(20, (i) => ({ key: `"key ${i}"`, table, action: 'UPDATE' })));
      await attempt.listener.untilSettled(20);
      await attempt.publisher.close(1000);
      const messages = await consume(kafka, `app.public_${table}`, 20);
      const byKey = new Map(messages.map((message) => [String(message.key), message]));
      const [event] = attempt.sent;
      if (event === undefined) throw new Error('no event');
      const message = byKey.get('"key 0"');
      expect(String(message?.value)).toBe(event.slab.toString('utf8', event.start, event.end));
      const plain = { id: eventId(event), 'content-type': 'application/json', lsn: event.tx.lsnText, ordinal: '0' };
      const { xid, commitTime } = event.tx;
      const more = { xid: String(xid), 'commit-time': commitTime, table: `public.${table}`, action: 'UPDATE' };
      expect(text(message?.headers)).toEqual(metadata ? { ...plain, ...more } : plain);
      for (const { partition, key } of await kafka.server.records(`app.public_${table}`)) {
        expect(partition).toBe(partitionOf(key ?? Buffer.alloc(0), 0, key?.length ?? 0, 4));
      }
    }
  });
});

describe('Kafka: check', () => {
  it('names what weakens the acknowledgements, changes nothing and leaves a running publisher alone', async () => {
    await using kafka = await start({ onPoison: 'deadLetter', kafka: defaults });
    const driver = await testDriver(kafka.config());
    const attempt = await new Attempt(driver).open();
    const findings = await driver.check(signal());
    expect(findings.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      expect.stringMatching(/^error: .*"app\.dead_letter"/),
      expect.stringMatching(/^warning: topic "app\.public_\w+" has one replica/),
    ]);
    attempt.publish(new EventMaker('app').batch(10));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(await kafka.server.admin((admin) => admin.listTopics())).not.toContain('app.dead_letter');
  });
});
