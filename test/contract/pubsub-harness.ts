import type { PublisherConfig } from '#lib/config';
import type { ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { BrokerHarness, FaultyNetwork } from '../../libs/publishing/src/testing/publisher-harness.js';
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

const WARM_UP = 'warm-up';
const CUT_INTERVAL_MS = 3000;

export interface PubsubHarnessOptions {
  /** Topics with a subscription. */
  readonly topics?: readonly string[];
  /** What a request may take, and what is waited after a lost connection; default: 4000. */
  readonly ackTimeoutMs?: number;
}

/** The emulator behind a proxy, with a subscription for each topic. */
export class PubsubHarness implements BrokerHarness {
  readonly orderedWithin = 'topic';
  /** A subscription gives each message once. */
  private lastCutMs = -CUT_INTERVAL_MS;
  private readonly pulled: PulledMessage[] = [];

  protected constructor(
    readonly emulator: PubsubEmulator,
    readonly proxy: TcpProxy,
    readonly client: PubsubTestClient,
    private readonly ackTimeoutMs: number,
  ) {}

  static async start(options: PubsubHarnessOptions = {}): Promise<PubsubHarness> {
    const { topics = TOPICS, ackTimeoutMs = 4000 } = options;
    const emulator = await startPubsub();
    const harness = new this(emulator, await TcpProxy.start(emulator.port), emulator.client(), ackTimeoutMs);
    try {
      await Promise.all(topics.map((topic) => harness.client.createSubscribed(topic)));
      // The first request takes a cold emulator long, on a busy machine longer than a request may take.
      await harness.client.publish(WARM_UP, 'hello');
      return harness;
    } catch (error) {
      await harness[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The proxy, which does not cut more often than every few seconds: after each cut it is waited for as long as a request
   * may take, until late ones cannot come any more.
   */
  get network(): FaultyNetwork {
    const { proxy } = this;
    return {
      cut: () => this.cutSparingly(),
      stall: () => proxy.stall(),
      resume: () => proxy.resume(),
      accepted: proxy.accepted,
    };
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs = this.ackTimeoutMs) {
    return publisherTestConfig(
      {
        type: 'google_pubsub',
        addresses: [this.proxy.address],
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
    for (const name of this.client.subscribed) {
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
    this.proxy.refuse(true);
    this.proxy.cut();
    await Promise.resolve();
  }

  async start(): Promise<void> {
    this.emulator.thaw();
    this.proxy.refuse(false);
    await Promise.resolve();
  }

  private cutSparingly(): void {
    const now = performance.now();
    if (now - this.lastCutMs < CUT_INTERVAL_MS) return;
    this.lastCutMs = now;
    this.proxy.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.client.close();
    await this.emulator[Symbol.asyncDispose]();
  }
}
