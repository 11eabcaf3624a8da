import { afterAll } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import type { OrderedWithin, ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { BrokerHarness } from '../../libs/publishing/src/testing/publisher-harness.js';
import { type KafkaServer, type KafkaServerOptions, startKafka } from '../support/kafka-server.js';
import { waitFor } from '../support/wait-for.js';

/** A server that the tests of one file share, reached through a proxy; started with the first of them. */
export function sharedKafka(options: KafkaServerOptions = {}): () => Promise<KafkaServer> {
  let starting: Promise<KafkaServer> | undefined;
  afterAll(async () => (await starting)?.[Symbol.asyncDispose]());
  return () => (starting ??= startKafka({ proxied: 'PLAINTEXT', ...options }));
}

const PARTITIONS = 4;

/** A Kafka behind a proxy, whose topics `app.*` are gone with the test. */
export class KafkaHarness implements BrokerHarness {
  readonly orderedWithin: OrderedWithin = 'topic';
  private running = true;

  private constructor(
    readonly server: KafkaServer,
    private readonly publisher: Partial<PublisherConfig>,
  ) {}

  /** With empty topics for the events of the suite; any other is created when it is met. */
  static async start(server: KafkaServer, publisher: Partial<PublisherConfig> = {}): Promise<KafkaHarness> {
    const harness = new KafkaHarness(server, publisher);
    for (const topic of ['app.public_items', 'app.public_orders']) await harness.createTopic(topic);
    return harness;
  }

  /** Tried again while the server does not know of what it has just created. */
  async createTopic(topic: string, partitions = PARTITIONS, settings: Readonly<Record<string, string>> = {}) {
    const create = async () => {
      await this.server.createTopic(topic, partitions, settings);
      return true;
    };
    await waitFor(create, { what: `topic ${topic} to be created` });
  }

  get network() {
    return this.server.proxy;
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs?: number) {
    const { kafka } = publisherTestConfig({ type: 'kafka' }).publisher;
    const own = {
      type: 'kafka' as const,
      addresses: [this.network.address],
      kafka: { ...kafka, autoCreateTopics: true, partitions: PARTITIONS },
    };
    return publisherTestConfig({ ...own, ...this.publisher, ...publisher }, ackTimeoutMs);
  }

  /** What the topics `app.*` hold (or the one named), each partition in its order. */
  async received(only?: string): Promise<readonly ReceivedMessage[]> {
    const topics = only === undefined ? await this.topics() : [only];
    const wanted = topics.filter((name) => only !== undefined || !name.endsWith('.dead_letter'));
    const read = await Promise.all(
      wanted.map(async (topic) =>
        (await this.server.records(topic)).map(({ headers, value }) => ({
          topic,
          id: /(?:^|,)id=([^,]*)/.exec(headers)?.[1],
          body: value?.toString() ?? '',
        })),
      ),
    );
    return read.flat();
  }

  async kill(): Promise<void> {
    this.running = false;
    await this.server.kill();
  }

  async start(): Promise<void> {
    await this.server.start();
    this.running = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) await this.start();
    this.network.resume();
    this.network.filterReplies(undefined);
    this.network.cut();
    await this.server.admin(async (admin) => {
      const topics = await this.topics();
      if (topics.length > 0) await admin.deleteTopics({ topics: [...topics] });
    });
    await waitFor(async () => (await this.topics()).length === 0, { what: 'the topics to be gone' });
  }

  private topics(): Promise<readonly string[]> {
    return this.server.admin(async (admin) => (await admin.listTopics()).filter((name) => name.startsWith('app.')));
  }
}
