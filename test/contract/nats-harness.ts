import type { ConnectionOptions, StreamConfig } from 'nats';
import type { PublisherConfig } from '#lib/config';
import type { ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import type { BrokerHarness } from '../../libs/publishing/src/testing/publisher-harness.js';
import { type NatsServer, type NatsServerOptions, startNats } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** A nats-server behind a proxy, with ways to look into its streams. */
export class NatsHarness implements BrokerHarness {
  protected constructor(
    readonly server: NatsServer,
    readonly network: TcpProxy,
    private readonly clientOptions: ConnectionOptions,
  ) {}

  static async start(options: NatsServerOptions = {}, clientOptions: ConnectionOptions = {}): Promise<NatsHarness> {
    const server = await startNats(options);
    return new this(server, await TcpProxy.start(server.port), clientOptions);
  }

  config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs?: number) {
    return publisherTestConfig({ type: 'nats', addresses: [this.network.address], ...publisher }, ackTimeoutMs);
  }

  /** Every message of the stream from its beginning, read as a consumer does. */
  async received(stream = 'app'): Promise<readonly ReceivedMessage[]> {
    const client = await this.server.client(this.clientOptions);
    try {
      const manager = await client.jetstreamManager();
      const { state } = await manager.streams.info(stream);
      const received: ReceivedMessage[] = [];
      if (state.messages === 0) return received;
      const consumer = await client.jetstream().consumers.get(stream);
      for await (const message of await consumer.consume({ max_messages: 2000 })) {
        const id = message.headers?.get('Nats-Msg-Id');
        received.push({ topic: message.subject, id: id === '' ? undefined : id, body: message.string() });
        if (message.seq >= state.last_seq) break;
      }
      return received;
    } finally {
      await client.close();
    }
  }

  /** Creates a stream for `app.>` with these settings, times in nanoseconds. */
  async createStream(config: Partial<StreamConfig> = {}): Promise<void> {
    await this.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.add({ name: 'app', subjects: ['app.>'], ...config });
    });
  }

  async withClient<T>(use: (client: Awaited<ReturnType<NatsServer['client']>>) => Promise<T>): Promise<T> {
    const client = await this.server.client(this.clientOptions);
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  start(): Promise<void> {
    return this.server.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
