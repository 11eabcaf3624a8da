import { randomUUID } from 'node:crypto';
import { type EachBatchPayload } from 'kafkajs';
import { type KafkaServer, type KafkaServerOptions, startKafka } from '../../support/kafka-server.js';
import { waitFor } from '../../support/wait-for.js';
import { type DurableBroker, EVENT_TOPICS } from './broker-under-test.js';
import type { Ledger } from './ledger.js';

const PARTITIONS = 4;
const ID_HEADER = 'id';

export interface KafkaBrokerOptions {
  /** Who creates the topics: the service, or the one who runs the broker. */
  readonly topics: 'by the service' | 'beforehand';
  /** Lets kcat read everything as well, checksums included, and compares. */
  readonly secondOpinion?: boolean;
  /** With `proxied` the service goes through the server's proxy. */
  readonly server?: KafkaServerOptions;
}

interface Stored {
  /** `topic/partition` */
  readonly lane: string;
  readonly offset: number;
  readonly id: string;
  readonly body: string;
}

/** An Apache Kafka with four partitions a topic. */
export class KafkaBroker implements DurableBroker {
  private constructor(
    readonly server: KafkaServer,
    private readonly options: KafkaBrokerOptions,
  ) {}

  static async start(this: void, options: KafkaBrokerOptions): Promise<KafkaBroker> {
    const server = await startKafka(options.server);
    try {
      const broker = new KafkaBroker(server, options);
      if (options.topics === 'beforehand') await broker.createTopics();
      return broker;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get env(): Readonly<Record<string, string>> {
    return {
      WAL_PUBLISHER_TYPE: 'kafka',
      WAL_PUBLISHER_ADDRESS:
        this.options.server?.proxied === undefined ? this.server.address : this.server.proxy.address,
      ...(this.options.topics === 'by the service' && {
        WAL_PUBLISHER_KAFKA_AUTO_CREATE_TOPICS: 'true',
        WAL_PUBLISHER_KAFKA_PARTITIONS: String(PARTITIONS),
      }),
    };
  }

  async createTopics(): Promise<void> {
    for (const topic of EVENT_TOPICS) await this.server.createTopic(topic, PARTITIONS);
  }

  async read(ledger: Ledger): Promise<void> {
    const ends = await this.ends();
    for (const topic of EVENT_TOPICS) {
      const partitions = [...ends.keys()].filter((lane) => lane.startsWith(`${topic}/`)).length;
      if (partitions !== PARTITIONS) ledger.faults.push(`${topic} has ${String(partitions)} partitions`);
    }
    const stored = await this.consume(ends);
    for (const { lane, id, body } of stored) ledger.add(body, lane, id);
    if (this.options.secondOpinion === true) ledger.faults.push(...(await this.kcatDifferences(stored)));
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  start(): Promise<void> {
    return this.server.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }

  /** One past the last offset of every partition. */
  private ends(): Promise<ReadonlyMap<string, number>> {
    return this.server.admin(async (admin) => {
      const ends = new Map<string, number>();
      for (const topic of EVENT_TOPICS) {
        for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
          ends.set(laneOf(topic, partition), Number(high));
        }
      }
      return ends;
    });
  }

  /** Everything up to these offsets, by a consumer group of its own; each partition in its order. */
  private async consume(ends: ReadonlyMap<string, number>): Promise<readonly Stored[]> {
    const stored: Stored[] = [];
    const open = new Set([...ends].filter(([, end]) => end > 0).map(([lane]) => lane));
    const eachBatch = ({ batch }: EachBatchPayload) => {
      const lane = laneOf(batch.topic, batch.partition);
      const end = ends.get(lane) ?? 0;
      for (const { offset, headers, value } of batch.messages) {
        if (Number(offset) >= end) continue;
        const id = headers?.[ID_HEADER]?.toString() ?? '';
        stored.push({ lane, offset: Number(offset), id, body: value?.toString() ?? '' });
      }
      if (Number(batch.lastOffset()) >= end - 1) open.delete(lane);
      return Promise.resolve();
    };
    const consumer = this.server.client().consumer({ groupId: randomUUID() });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...EVENT_TOPICS], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch });
      await waitFor(() => open.size === 0, {
        what: () => `the end of ${[...open].join()}; ${String(stored.length)} messages`,
        deadlineMs: 60_000,
      });
    } finally {
      await consumer.disconnect();
    }
    return stored;
  }

  private async kcatDifferences(stored: readonly Stored[]): Promise<readonly string[]> {
    const bodies = new Map(stored.map(({ lane, offset, body }) => [`${lane}/${String(offset)}`, body]));
    const faults: string[] = [];
    for (const topic of EVENT_TOPICS) {
      for (const { partition, offset, value } of await this.server.records(topic)) {
        const place = `${laneOf(topic, partition)}/${String(offset)}`;
        if (bodies.get(place) !== value?.toString()) faults.push(`kcat reads another message at ${place}`);
        bodies.delete(place);
      }
    }
    for (const place of bodies.keys()) faults.push(`kcat finds nothing at ${place}`);
    return faults.slice(0, 10);
  }
}

function laneOf(topic: string, partition: number): string {
  return `${topic}/${String(partition)}`;
}
