import type { Server } from 'node:net';
import type { PublisherConfig } from '#lib/config';
import { createKafkaClient, type KafkaClientOptions } from '../../libs/publishing/src/kafka/client/kafka-client.js';
import { BatchMemory } from '../../libs/publishing/src/kafka/codec/batch-memory.js';
import { EventHeaders } from '../../libs/publishing/src/kafka/codec/event-headers.js';
import { stampBatch } from '../../libs/publishing/src/kafka/codec/record-batch-header.js';
import { type PlainRecord, RecordBatchWriter } from '../../libs/publishing/src/kafka/codec/record-batch-writer.js';
import type { BatchOutcome, KafkaClient, ProducerIdentity } from '../../libs/publishing/src/kafka/kafka-ports.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { KafkaServer } from '../support/kafka-server.js';

/** A client of its own for a test, closed at its end. */
export class TestClient implements Disposable {
  readonly client: KafkaClient;
  readonly lost: { readonly nodeId: number; readonly error: Error }[] = [];
  private readonly writer = new RecordBatchWriter(new EventHeaders(false), new BatchMemory());

  constructor(publisher: Partial<PublisherConfig>, options: Partial<KafkaClientOptions> = {}) {
    const listener = { onLost: (nodeId: number, error: Error) => void this.lost.push({ nodeId, error }) };
    const config = publisherTestConfig({ type: 'kafka', ...publisher }).publisher;
    this.client = createKafkaClient({ publisher: config, listener, ...options });
  }

  async connect(signal = new AbortController().signal): Promise<this> {
    await this.client.connect(signal);
    return this;
  }

  /** An unstamped batch. */
  batch(records: readonly PlainRecord[]): Buffer {
    for (const record of records) this.writer.append(record);
    return this.writer.finish(Date.now());
  }

  /** Sends a batch of one record, whose value is given, to partition 0. */
  async send(
    topic: string,
    identity: ProducerIdentity,
    sequence: number,
    value: string,
    timeoutMs = 5_000,
  ): Promise<BatchOutcome> {
    const records = this.batch([{ key: Buffer.from('key'), value: Buffer.from(value) }]);
    stampBatch(records, identity, sequence);
    const [outcome] = await this.client.produce(NODE_ID, [{ topic, partition: 0, records }], timeoutMs);
    if (outcome === undefined) throw new Error('the broker says nothing about the batch');
    return outcome;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** The one node of a test server. */
export const NODE_ID = 1;

let topics = 0;

/** An empty topic, and clients that reach the server through its proxy. */
export async function topicOf(server: KafkaServer) {
  topics += 1;
  const topic = `client.${String(topics)}`;
  await server.createTopic(topic);
  return {
    server,
    proxy: server.proxy,
    topic,
    client: () => new TestClient({ addresses: [server.proxy.address] }).connect(),
    /** Everything in the topic, in order. */
    values: async () => (await server.records(topic)).map(({ value }) => String(value)),
  };
}

/** `127.0.0.1:port` */
export function addressOf(listener: Server): string {
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return `127.0.0.1:${String(address.port)}`;
}
