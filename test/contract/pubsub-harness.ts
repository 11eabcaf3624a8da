import type { PublisherConfig } from '#lib/config';
import type { ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { BrokerHarness } from '../../libs/publishing/src/testing/publisher-harness.js';
import { type PubsubEmulator, startPubsub } from '../support/pubsub-emulator.js';
import { PUBSUB_PROJECT, type PubsubTestClient, type PulledMessage } from '../support/pubsub-test-client.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** What the tests publish to, and what becomes of the contract suite's odd names. */
const TOPICS = [
  'app.public_items',
  'app.public_orders',
  'app.public_a_b',
  'app.public_tab_here',
  'app.public__',
  'app.public____',
  'app.x.y',
];

/** The emulator behind a proxy, with a subscription for each topic. */
export class PubsubHarness implements BrokerHarness {
  readonly orderedWithin = 'topic';
  /** A subscription gives each message once. */
  private readonly pulled: PulledMessage[] = [];

  protected constructor(
    readonly emulator: PubsubEmulator,
    readonly network: TcpProxy,
    readonly client: PubsubTestClient,
  ) {}

  static async start(topics: readonly string[] = TOPICS): Promise<PubsubHarness> {
    const emulator = await startPubsub();
    const harness = new this(emulator, await TcpProxy.start(emulator.port), emulator.client());
    try {
      await Promise.all(topics.map((topic) => harness.client.createSubscribed(topic)));
      return harness;
    } catch (error) {
      await harness[Symbol.asyncDispose]();
      throw error;
    }
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs = 1000) {
    return publisherTestConfig(
      {
        type: 'google_pubsub',
        addresses: [this.network.address],
        pubSubProjectID: PUBSUB_PROJECT,
        ...publisher,
      },
      ackTimeoutMs,
    );
  }

  /** What the topics' subscriptions (or that of one topic) gave so far, in the order in which the emulator stored it. */
  async received(topic?: string): Promise<readonly ReceivedMessage[]> {
    return (await this.messages(topic)).map((message) => ({
      topic: message.topic,
      id: message.attributes['id'],
      body: message.body,
    }));
  }

  /** The same with all that a pull subscriber sees. Rejects when a subscriber saw a key in another order. */
  async messages(topic?: string): Promise<readonly PulledMessage[]> {
    for (const name of await this.client.topics()) {
      const pulled = await this.client.pullAll(name);
      const lastOfKey = new Map<string, number>();
      for (const { orderingKey, messageId } of pulled) {
        const last = lastOfKey.get(orderingKey) ?? 0;
        if (orderingKey !== '' && messageId < last) throw new Error(`${name}: message ${messageId} came after ${last}`);
        lastOfKey.set(orderingKey, messageId);
      }
      this.pulled.push(...pulled);
    }
    return this.pulled
      .filter((message) => topic === undefined || message.topic === topic)
      .toSorted((a, b) => a.messageId - b.messageId);
  }

  /**
   * An outage: the emulator stands still, connections are reset and new ones refused. It is not really killed, since it
   * keeps everything in memory: what it acknowledged would be gone, which no Pub/Sub service does.
   */
  async kill(): Promise<void> {
    this.emulator.freeze();
    this.network.refuse(true);
    this.network.cut();
    await Promise.resolve();
  }

  async start(): Promise<void> {
    this.emulator.thaw();
    this.network.refuse(false);
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.client.close();
    await this.emulator[Symbol.asyncDispose]();
  }
}
