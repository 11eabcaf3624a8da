import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchCompressor } from '../../libs/publishing/src/kafka/codec/compression.js';
import { partitionOf } from '../../libs/publishing/src/kafka/codec/murmur2.js';
import { stampBatch } from '../../libs/publishing/src/kafka/codec/record-batch-header.js';
import type { PlainRecord } from '../../libs/publishing/src/kafka/codec/record-batch-writer.js';
import { randomRecord } from '../../libs/publishing/src/kafka/codec/testing/random-records.js';
import type { KafkaServer } from '../support/kafka-server.js';
import { waitFor } from '../support/wait-for.js';
import { NODE_ID, TestClient } from './kafka-batches.js';
import { sharedKafka } from './kafka-harness.js';

const kafka = sharedKafka();
const BATCHES = 60;
const DEFAULT_LIMIT_BYTES = 1_048_588;

const hex = (bytes: Uint8Array | null | undefined) =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('hex');
const keyAndValue = ({ key, value }: Pick<PlainRecord, 'key' | 'value'>) => [hex(key), hex(value)];

describe.each(['none', 'gzip'] as const)('batches of random records, compression %s', (compression) => {
  const topic = `records.${compression}`;

  it('are taken by the broker, and read back by kcat and by kafkajs', async () => {
    const server = await kafka();
    await server.createTopic(topic);
    using own = await new TestClient({ addresses: [server.address] }).connect();
    const written = await write(own, topic, compression);

    const byKcat = await server.records(topic, false);
    expect(JSON.stringify(byKcat.map(keyAndValue))).toBe(JSON.stringify(written.map(keyAndValue)));
    expect(byKcat.every(({ timestampMs }) => Math.abs(Date.now() - timestampMs) < 3_600_000)).toBe(true);

    const byKafkajs = await consume(server, topic, written.length);
    const expected = written.map((record) => [...keyAndValue(record), headersByName(record)]);
    expect(byKafkajs).toEqual(expected);
  });
});

/** Sends batches of random records, and records at the edge of the limit; gives all records in order. */
async function write(own: TestClient, topic: string, compression: 'none' | 'gzip'): Promise<readonly PlainRecord[]> {
  const compressor = await BatchCompressor.load(compression);
  const identity = await own.client.producerIdentity(undefined);
  // The batch's own 61 bytes, and the record's: 3 for its length, 3 zeros, 1 for the key, 3 for the value, 1 for headers.
  const largest = { key: null, value: Buffer.alloc(DEFAULT_LIMIT_BYTES - 61 - 11, 0x61) };
  const random = fc.sample(fc.array(randomRecord, { minLength: 1, maxLength: 60 }), BATCHES);
  const batches: (readonly PlainRecord[])[] = [...random, [largest]];
  let sequence = 0;
  const outcomes = [];
  for (const records of batches) {
    const plain = own.batch(records);
    const batch = compressor === undefined ? plain : await compressor.compress(plain);
    if (records[0] === largest) expect(plain).toHaveLength(DEFAULT_LIMIT_BYTES);
    stampBatch(batch, identity, sequence);
    sequence += records.length;
    outcomes.push(own.client.produce(NODE_ID, [{ topic, partition: 0, records: batch }], 5_000));
  }
  expect((await Promise.all(outcomes)).flat().map(({ errorCode }) => errorCode)).toEqual(batches.map(() => 0));
  return batches.flat();
}

/** kafkajs gives the headers by name, several of one name as a list; it gives no null values. */
function headersByName({ headers = [] }: PlainRecord): Readonly<Record<string, readonly (string | null)[]>> {
  const byName: Record<string, (string | null)[]> = Object.create(null) as Record<string, (string | null)[]>;
  for (const [name, value] of headers) (byName[name] ??= []).push(hex(value));
  return { ...byName };
}

async function consume(server: KafkaServer, topic: string, count: number): Promise<readonly unknown[]> {
  const consumer = server.client().consumer({ groupId: `reader-of-${topic}` });
  const read: unknown[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message: { key, value, headers = {} } }) => {
        const named = Object.entries(headers).map(([name, values]) => [
          name,
          [values].flat().map((bytes) => hex(bytes as Buffer | null | undefined)),
        ]);
        read.push([hex(key), hex(value), Object.fromEntries(named)]);
        return Promise.resolve();
      },
    });
    await waitFor(() => read.length >= count, {
      what: () => `${String(count)} records (${String(read.length)} came)`,
      deadlineMs: 40_000,
    });
  } finally {
    await consumer.disconnect();
  }
  return read;
}

describe('partitions', () => {
  it('are those that other clients choose for a key', async () => {
    const server = await kafka();
    const topic = 'records.partitions';
    await server.createTopic(topic, 7);
    const keys = [...fc.sample(fc.uint8Array({ minLength: 1, maxLength: 40 }), 200)].map((key) => Buffer.from(key));
    const producer = server.client().producer();
    await producer.connect();
    await producer.send({ topic, messages: keys.map((key) => ({ key, value: 'v' })) });
    await producer.disconnect();
    for (const { key, partition } of await server.records(topic)) {
      expect(partitionOf(key ?? Buffer.alloc(0), 0, key?.length ?? 0, 7)).toBe(partition);
    }
  });
});
