import type { Channel, ChannelModel, Options } from 'amqplib';
import { afterAll } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import type { ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { BrokerHarness } from '../../libs/publishing/src/testing/publisher-harness.js';
import { type RabbitmqServer, type RabbitmqServerOptions, startRabbitmq } from '../support/rabbitmq-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** A node that the tests of one file share; started with the first of them. */
export function sharedNode(options: RabbitmqServerOptions = {}): () => Promise<RabbitmqServer> {
  let starting: Promise<RabbitmqServer> | undefined;
  afterAll(async () => (await starting)?.[Symbol.asyncDispose]());
  return () => (starting ??= startRabbitmq(options));
}

export interface RabbitmqHarnessOptions {
  /** Of the queue `all`, which takes every message. */
  readonly queue?: Options.AssertQueue;
  /** Neither the exchange `app` nor a queue. */
  readonly bare?: boolean;
  readonly publisher?: Partial<PublisherConfig>;
}

/** A node behind a proxy, with the exchange `app` and a queue that takes everything; gone with the test. */
export class RabbitmqHarness implements BrokerHarness {
  private readonly queues: string[] = [];
  private readonly exchanges: string[] = [];
  private readonly read = new Map<string, ReceivedMessage[]>();
  private running = true;

  private constructor(
    readonly server: RabbitmqServer,
    readonly network: TcpProxy,
    private readonly options: RabbitmqHarnessOptions,
  ) {}

  static async start(server: RabbitmqServer, options: RabbitmqHarnessOptions = {}): Promise<RabbitmqHarness> {
    const harness = new RabbitmqHarness(server, await TcpProxy.start(server.port), options);
    harness.exchanges.push('app');
    if (options.bare !== true) {
      await harness.declareExchange('app');
      await harness.declareQueue('all', '#', options.queue);
      // A quorum queue that was declared less than a second ago does not come back when its node is killed.
      if (options.queue?.arguments !== undefined) await server.ctl('eval', '[dets:sync(T) || T <- dets:all()].');
    }
    return harness;
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs?: number) {
    const own = { type: 'rabbitmq' as const, addresses: [this.network.address] };
    return publisherTestConfig({ ...own, ...this.options.publisher, ...publisher }, ackTimeoutMs);
  }

  async declareExchange(name: string, kind = 'topic', options: Options.AssertExchange = {}): Promise<void> {
    this.exchanges.push(name);
    await this.withChannel((channel) => channel.assertExchange(name, kind, { durable: true, ...options }));
  }

  /** A queue, durable unless said otherwise, bound to the exchange (with `pattern` undefined: not bound). */
  async declareQueue(
    name: string,
    pattern?: string,
    options: Options.AssertQueue = {},
    exchange = 'app',
  ): Promise<void> {
    this.queues.push(name);
    await this.withChannel(async (channel) => {
      await channel.assertQueue(name, { durable: true, ...options });
      if (pattern !== undefined) await channel.bindQueue(name, exchange, pattern);
    });
  }

  /** All messages that ever were in the queue, in its order: those taken out before, and then the rest. */
  async received(queue = 'all'): Promise<readonly ReceivedMessage[]> {
    const read = this.read.get(queue) ?? [];
    this.read.set(queue, read);
    await this.withChannel(async (channel) => {
      for (;;) {
        const { messageCount } = await channel.checkQueue(queue);
        if (messageCount === 0) return;
        await drain(channel, queue, messageCount, read);
      }
    });
    return [...read];
  }

  async withClient<T>(use: (client: ChannelModel) => Promise<T>): Promise<T> {
    const client = await this.server.client();
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  async withChannel<T>(use: (channel: Channel) => Promise<T>): Promise<T> {
    return this.withClient(async (client) => use(await client.createChannel()));
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
    await this.network[Symbol.asyncDispose]();
    if (!this.running) await this.start();
    await this.withChannel(async (channel) => {
      for (const queue of this.queues) await channel.deleteQueue(queue);
      for (const exchange of this.exchanges) await channel.deleteExchange(exchange);
    });
  }
}

/** Takes `count` messages (and what comes with them) out of the queue. */
async function drain(channel: Channel, queue: string, count: number, into: ReceivedMessage[]): Promise<void> {
  const end = into.length + count;
  let enough: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (enough = resolve));
  const { consumerTag } = await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const id: unknown = message.properties.messageId;
      into.push({
        topic: message.fields.routingKey,
        id: typeof id === 'string' ? id : undefined,
        body: message.content.toString(),
      });
      if (into.length >= end) enough();
    },
    { noAck: true },
  );
  await all;
  await channel.cancel(consumerTag);
}
