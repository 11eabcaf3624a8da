import { describe, expect, it } from 'vitest';
import { eventId } from '#lib/events';
import type { PublisherConfig } from '#lib/config';
import { noMetrics, silentLogger, systemClock } from '#lib/kernel';
import { EventMaker } from '../testing/outgoing-events.js';
import { publisherTestConfig } from '../testing/publisher-config.js';
import { RecordingListener } from '../testing/recording-listener.js';
import { KafkaPublisher } from './kafka.publisher.js';
import type { FenceMemory } from './producer-fence.js';
import { KAFKA_ERROR } from './protocol-errors.js';
import { ScriptedClient } from './testing/scripted-client.js';

const NOT_LEADER = 6;
const NOT_ENOUGH_REPLICAS = 19;

async function setUp(options: { publisher?: Partial<PublisherConfig>; ackTimeoutMs?: number; named?: boolean } = {}) {
  const { publisher } = publisherTestConfig({ type: 'kafka', ...options.publisher });
  const client = new ScriptedClient();
  client.named = options.named ?? true;
  const listener = new RecordingListener();
  const memory: FenceMemory = { namedId: undefined, plain: undefined };
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
  const parts = {
    publisher,
    ackTimeoutMs: options.ackTimeoutMs ?? 5000,
    client,
    transactionalId: 'slot',
    memory,
    compressor: undefined,
  };
  const started = () =>
    new KafkaPublisher({ ...parts, logger, setupLogger: logger, metrics: noMetrics, clock: systemClock }, listener);
  const kafka = started();
  const { signal } = new AbortController();
  await kafka.open(signal);
  await kafka.prepare(['app.public_items'], signal);
  return { client, listener, kafka, memory, lines, maker: new EventMaker('app'), started };
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('KafkaPublisher: what is on the wire', () => {
  it('sends a lone event at once, and gathers small ones while a request is out', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish([maker.next({ key: 'k' })]);
    expect(client.requests).toHaveLength(1);
    for (let i = 0; i < 10; i++) kafka.publish([maker.next({ key: 'k' })]);
    expect(client.requests).toHaveLength(1);
    client.requests[0]?.answer();
    const second = await client.request(1);
    expect(second.batches.map(({ count, sequence, epoch }) => ({ count, sequence, epoch }))).toEqual([
      { count: 10, sequence: 1, epoch: 1 },
    ]);
    expect(listener.seqs.size).toBe(1);
    await kafka.close(0);
  });

  it('keeps a second batch back until the partition has stored one, then has several out', async () => {
    const { client, kafka, maker } = await setUp();
    const large = { key: 'k', fillBytes: 90_000 };
    kafka.publish(maker.batch(12, () => large));
    expect(client.requests).toHaveLength(1);
    client.requests[0]?.answer();
    await client.request(3);
    await turn();
    expect(client.requests).toHaveLength(4);
    expect(client.requests.map(({ batches }) => batches[0]?.sequence)).toEqual([0, 1, 2, 3]);
    await kafka.close(0);
  });

  it('holds back what is behind a barrier, and the barrier until all before it is settled', async () => {
    const { client, kafka, maker } = await setUp();
    kafka.publish(maker.batch(3, (i) => ({ key: `k${i}`, barrier: i === 1 })));
    const sizes = () => client.requests.map(({ batches }) => batches.map(({ ids }) => ids.length));
    expect(sizes()).toEqual([[1]]);
    client.requests[0]?.answer();
    (await client.request(1)).answer();
    (await client.request(2)).answer();
    expect(sizes()).toEqual([[1], [1], [1]]);
    await kafka.close(0);
  });
});

describe('KafkaPublisher: after a failure', () => {
  /** One event is settled, six more go out one by one, three at a time. */
  async function threeOut() {
    const all = await setUp();
    const { client, kafka, maker, listener } = all;
    kafka.publish([maker.next({ key: 'k' })]);
    (await client.request(0)).answer();
    await listener.untilSettled(1);
    const events = maker.batch(6, () => ({ key: 'k', fillBytes: 60_000 }));
    kafka.publish(events);
    expect(client.requests).toHaveLength(4);
    return { ...all, events };
  }

  it('sends everything from the refused batch on again, in order, under a raised epoch', async () => {
    const { client, kafka, listener, events } = await threeOut();
    client.requests[1]?.answer(NOT_ENOUGH_REPLICAS);
    // The broker took the one behind it all the same: were it settled, the refused one would stand last.
    client.requests[2]?.answer(0);
    client.requests[3]?.answer(KAFKA_ERROR.outOfOrderSequenceNumber);
    const sent: string[] = [];
    for (let i = 4; i < 10; i++) {
      const { batches } = await client.request(i);
      expect(batches[0]).toMatchObject({ producerId: 7n, epoch: 2, sequence: i - 4 });
      if (i === 4) expect(listener.seqs.size).toBe(1);
      sent.push(...(batches[0]?.ids ?? []));
      client.requests[i]?.answer();
    }
    await listener.untilSettled(7);
    expect(sent).toEqual(events.map(eventId));
    expect(listener.states.map((state) => state?.code)).toEqual(['BROKER_REFUSED', undefined]);
    await kafka.close(0);
  });

  it('settles nothing of what was sent when the connection is lost, and asks for a new identity first', async () => {
    const { client, kafka, listener } = await threeOut();
    for (const request of client.requests.slice(1)) request.lose();
    const again = await client.request(4);
    expect(client.identities).toBe(2);
    expect(again.batches[0]).toMatchObject({ epoch: 2, sequence: 0 });
    expect(listener.seqs.size).toBe(1);
    expect(listener.states.at(-1)?.code).toBe('BROKER_UNREACHABLE');
    await kafka.close(0);
  });

  it('waits for every answer before it begins anew', async () => {
    const { client, kafka } = await threeOut();
    client.requests[1]?.answer(NOT_ENOUGH_REPLICAS);
    client.requests[2]?.answer(KAFKA_ERROR.outOfOrderSequenceNumber);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.identities).toBe(1);
    client.requests[3]?.lose();
    await client.request(4);
    expect(client.identities).toBe(2);
    await kafka.close(0);
  });

  it('goes to the new leader when another node leads the partition', async () => {
    const { client, kafka, events } = await threeOut();
    client.leaders = [5, 5, 5, 5];
    for (const request of client.requests.slice(1)) request.answer(NOT_LEADER);
    const again = await client.request(4);
    expect(again.nodeId).toBe(5);
    expect(again.batches[0]?.ids).toEqual(events.slice(0, 1).map(eventId));
    await kafka.close(0);
  });

  it('waits for a leader only where an event is to go, and sends all before it', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish([maker.next({ key: 'a' })]);
    const { batches } = await client.request(0);
    const led = batches[0]?.partition ?? 0;
    client.leaders = client.leaders.map((leader, partition) => (partition === led ? leader : -1));
    client.requests[0]?.answer(NOT_LEADER);
    (await client.request(1)).answer();
    await listener.untilSettled(1);
    const states = () => listener.states.map((state) => state?.message);
    expect(states()).toEqual([expect.stringContaining('NOT_LEADER'), undefined]);
    kafka.publish(maker.batch(40, (i) => ({ key: i === 0 ? 'a' : `k${i}` })));
    const before = await client.request(2);
    expect(states()).toHaveLength(2);
    before.answer();
    await waitFor(() => states().length === 3);
    expect(states()[2]).toContain('has no leader');
    const { identities, brokerChanges } = client;
    // Two rounds in vain.
    await waitFor(() => client.brokerChanges >= brokerChanges + 2);
    client.leaders = [1, 2, 1, 2];
    for (let i = 3; listener.seqs.size < 41; i++) {
      (await client.request(i)).answer();
      await turn();
    }
    expect(client.identities).toBe(identities + 1);
    await kafka.close(0);
  });

  it('asks another broker when what the first one says does not help', async () => {
    const { client, kafka } = await threeOut();
    for (const request of client.requests.slice(1)) request.answer(NOT_LEADER);
    const again = await client.request(4);
    expect(client.brokerChanges).toBe(0);
    again.answer(NOT_LEADER);
    const third = await client.request(5);
    expect(client.brokerChanges).toBe(1);
    third.answer();
    await client.request(8);
    for (const request of client.requests.slice(6)) request.answer(NOT_LEADER);
    await client.request(9);
    expect(client.brokerChanges).toBe(1);
    await kafka.close(0);
  });

  it('counts a duplicate as stored', async () => {
    const { client, kafka, listener } = await threeOut();
    client.requests[1]?.answer(KAFKA_ERROR.duplicateSequenceNumber);
    await listener.untilSettled(2);
    expect(listener.states).toEqual([]);
    await kafka.close(0);
  });

  it('gives the attempt up when another process has raised the epoch', async () => {
    const { client, listener } = await threeOut();
    client.requests[1]?.answer(KAFKA_ERROR.invalidProducerEpoch);
    expect(await listener.untilFailed()).toMatchObject({ code: 'BROKER_OTHER_WRITER', retriable: true });
    expect(client.identities).toBe(1);
  });

  it('names the topic and the ACL that is missing', async () => {
    const { client, listener } = await threeOut();
    client.requests[1]?.answer(KAFKA_ERROR.topicAuthorizationFailed);
    const error = await listener.untilFailed();
    expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    expect(error.message).toContain('app.public_items');
    expect(error.remedy).toContain('kafka-acls.sh');
  });
});

describe('KafkaPublisher: sizes', () => {
  it('cuts batches to what the topic takes, and to half when the server refuses one all the same', async () => {
    const { client, kafka, maker, listener } = await setUp();
    const events = maker.batch(10, () => ({ key: 'k', fillBytes: 10_000 }));
    kafka.publish(events);
    const first = await client.request(0);
    expect(first.batches[0]?.count).toBe(9);
    first.answer(KAFKA_ERROR.messageTooLarge);
    const second = await client.request(1);
    expect(second.batches[0]).toMatchObject({ count: 4, sequence: 0, epoch: 2 });
    second.answer();
    await listener.untilSettled(4);
    expect(listener.states).toEqual([]);
    await kafka.close(0);
  });

  it('halts at a message that is larger than the limit once all before it is settled', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish(maker.batch(3, (i) => ({ key: `k${i}`, fillBytes: i === 1 ? 120_000 : 0 })));
    (await client.request(0)).answer();
    expect(await listener.untilFailed()).toMatchObject({ code: 'POISON', retriable: false });
    expect([...listener.seqs]).toEqual([1]);
    expect(client.requests).toHaveLength(1);
    await kafka.close(0);
  });

  it('passes over it or sends a dead letter in its place, in order', async () => {
    for (const onPoison of ['skip', 'deadLetter'] as const) {
      const { client, kafka, maker, listener, lines } = await setUp({ publisher: { onPoison } });
      kafka.publish(maker.batch(3, (i) => ({ key: 'k', fillBytes: i === 1 ? 120_000 : 0 })));
      for (let i = 0; listener.seqs.size < 3; i++) {
        (await client.request(i)).answer();
        await turn();
      }
      const topics = client.requests.flatMap(({ batches }) => batches.map(({ topic }) => topic));
      expect(topics.includes('app.dead_letter')).toBe(onPoison === 'deadLetter');
      expect(lines.filter((line) => line.includes('too large'))).toHaveLength(1);
      await kafka.close(0);
    }
  });

  it('poisons a single message that the server refuses though its known limit is larger', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish([maker.next({ key: 'k', fillBytes: 1000 })]);
    (await client.request(0)).answer(KAFKA_ERROR.messageTooLarge);
    expect(await listener.untilFailed()).toMatchObject({ code: 'POISON' });
  });
});

describe('KafkaPublisher: records that the server does not take', () => {
  const errorCode = KAFKA_ERROR.invalidRecord;

  it('are left out by the policy, the others of the batch go out again in order', async () => {
    const { client, kafka, maker, listener, lines } = await setUp({ publisher: { onPoison: 'skip' } });
    kafka.publish([maker.next({ key: 'k' })]);
    const events = maker.batch(4, () => ({ key: 'k' }));
    kafka.publish(events);
    (await client.request(0)).answer();
    const recordErrors = [{ index: 1, message: 'no such schema' }, { index: 9 }];
    (await client.request(1)).refuse({ errorCode, recordErrors });
    const again = await client.request(2);
    expect(again.batches[0]?.ids).toEqual([0, 2, 3].map((i) => eventId(events[i])));
    again.answer();
    await listener.untilSettled(5);
    expect(lines.filter((line) => line.includes('no such schema'))).toHaveLength(1);
    await kafka.close(0);
  });

  it('are found one by one when the server does not name them, and halt by default', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish([maker.next({ key: 'k' })]);
    kafka.publish(maker.batch(3, () => ({ key: 'k' })));
    (await client.request(0)).answer();
    (await client.request(1)).refuse({ errorCode });
    const counts = [];
    for (let i = 2; i < 4; i++) {
      const request = await client.request(i);
      counts.push(request.batches[0]?.count);
      if (i === 2) request.answer();
      else request.refuse({ errorCode });
    }
    for (const request of client.requests.slice(4)) request.answer(KAFKA_ERROR.outOfOrderSequenceNumber);
    const error = await listener.untilFailed();
    expect(error).toMatchObject({ code: 'POISON', message: expect.stringContaining('INVALID_RECORD') as unknown });
    expect(counts).toEqual([1, 1]);
    expect([...listener.seqs]).toEqual([1, 2]);
    await kafka.close(0);
  });
});

describe('KafkaPublisher: the fence', () => {
  it('goes on without a name where the cluster gives none: waits once, then raises the epoch itself', async () => {
    const begin = performance.now();
    const { client, kafka, maker, memory, lines } = await setUp({ named: false, ackTimeoutMs: 200 });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(199);
    expect(lines.filter((line) => line.includes('transactional id'))).toHaveLength(1);
    kafka.publish([maker.next()]);
    const first = await client.request(0);
    first.lose();
    const second = await client.request(1);
    expect([first, second].map(({ batches }) => batches[0]?.epoch)).toEqual([1, 2]);
    expect(client.identities).toBe(1);
    expect(memory.plain).toEqual({ id: 7n, epoch: 2 });
    await kafka.close(0);
  });

  it('is not raised in vain while the topics cannot be asked for', async () => {
    const { client, kafka, maker } = await setUp();
    kafka.publish([maker.next()]);
    const first = await client.request(0);
    client.failingLayouts = 2;
    first.lose();
    const second = await client.request(1);
    expect(second.batches[0]?.epoch).toBe(2);
    expect(client.failingLayouts).toBe(0);
    await kafka.close(0);
  });

  it('does not do with less once the cluster gave a name', async () => {
    const { client, kafka, maker, listener } = await setUp();
    kafka.publish([maker.next()]);
    client.named = false;
    (await client.request(0)).lose();
    expect(await listener.untilFailed()).toMatchObject({ code: 'BROKER_AUTH' });
    await kafka.close(0);
  });
});
