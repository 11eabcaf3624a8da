import { type PubsubEmulator, startPubsub } from '../../support/pubsub-emulator.js';
import { PUBSUB_PROJECT, type PulledMessage } from '../../support/pubsub-test-client.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { type BrokerUnderTest, EVENT_TOPICS } from './broker-under-test.js';
import type { Ledger } from './ledger.js';

const ID_ATTRIBUTE = 'id';

/** The Pub/Sub emulator with an ordered subscription per topic, behind a proxy. It forgets everything when it is killed. */
export class PubsubBroker implements BrokerUnderTest {
  /** A subscription gives each message once, so what was pulled is kept here. */
  private readonly taken: PulledMessage[] = [];

  private constructor(
    readonly emulator: PubsubEmulator,
    /** Between the service and the emulator. */
    readonly network: TcpProxy,
  ) {}

  static async start(this: void): Promise<PubsubBroker> {
    const emulator = await startPubsub();
    const broker = new PubsubBroker(emulator, await TcpProxy.start(emulator.port));
    try {
      await broker.createTopics();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get env(): Readonly<Record<string, string>> {
    return {
      WAL_PUBLISHER_TYPE: 'google_pubsub',
      WAL_PUBLISHER_ADDRESS: this.network.address,
      WAL_PUBLISHER_PUB_SUB_PROJECT_ID: PUBSUB_PROJECT,
    };
  }

  async read(ledger: Ledger): Promise<void> {
    await using client = this.emulator.client();
    for (const topic of EVENT_TOPICS) this.taken.push(...(await client.pullAll(topic)));
    for (const message of this.taken) {
      const { orderingKey, attributes, body } = message;
      if (orderingKey === '') ledger.faults.push(`no ordering key: ${body.slice(0, 80)}`);
      ledger.add(body, laneOf(message), attributes[ID_ATTRIBUTE] ?? '');
    }
  }

  /** When what `read` found was stored: milliseconds since 1970 by lane, in its order. */
  storedAt(): ReadonlyMap<string, readonly number[]> {
    const times = new Map<string, number[]>();
    for (const message of this.taken) {
      const lane = laneOf(message);
      const earlier = times.get(lane);
      if (earlier === undefined) times.set(lane, [message.publishTimeMs]);
      else earlier.push(message.publishTimeMs);
    }
    return times;
  }

  /** Ends the emulator, which forgets everything, and starts an empty one with the same topics in its place. */
  async replace(): Promise<void> {
    await this.emulator.kill();
    await this.emulator.start();
    await this.createTopics();
  }

  /** Each with its subscription, which gets what is published from now on. */
  async createTopics(): Promise<void> {
    await using client = this.emulator.client();
    for (const topic of EVENT_TOPICS) await client.createSubscribed(topic);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.emulator[Symbol.asyncDispose]();
  }
}

function laneOf({ topic, orderingKey }: PulledMessage): string {
  return `${topic}/${orderingKey}`;
}
