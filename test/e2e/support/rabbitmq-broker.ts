import type { Channel, ConsumeMessage } from 'amqplib';
import { type RabbitmqServer, type RabbitmqServerOptions, startRabbitmq } from '../../support/rabbitmq-server.js';
import { waitFor } from '../../support/wait-for.js';
import { type DurableBroker, EVENT_TOPICS, TOPIC } from './broker-under-test.js';
import type { Ledger } from './ledger.js';

type QueueType = 'classic' | 'quorum';

/** A RabbitMQ node with a durable queue per table; the queue has the name of its routing key. */
export class RabbitmqBroker implements DurableBroker {
  /** A consumer takes messages away, so what was read is kept here, by queue. */
  private readonly taken = new Map<string, ConsumeMessage[]>(EVENT_TOPICS.map((queue) => [queue, []]));

  private constructor(readonly server: RabbitmqServer) {}

  static async start(
    this: void,
    type: QueueType = 'classic',
    options: RabbitmqServerOptions = {},
  ): Promise<RabbitmqBroker> {
    const server = await startRabbitmq(options);
    try {
      const broker = new RabbitmqBroker(server);
      await broker.onChannel(async (channel) => {
        for (const queue of EVENT_TOPICS) {
          await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
        }
      });
      await broker.bindQueues();
      return broker;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get env(): Readonly<Record<string, string>> {
    return { WAL_PUBLISHER_TYPE: 'rabbitmq', WAL_PUBLISHER_ADDRESS: this.server.address };
  }

  /** Leads the exchange, which is made when it does not exist, to the queues. */
  bindQueues(): Promise<void> {
    return this.onChannel(async (channel) => {
      await channel.assertExchange(TOPIC, 'topic', { durable: true });
      for (const queue of EVENT_TOPICS) await channel.bindQueue(queue, TOPIC, queue);
    });
  }

  /** Deletes the exchange and with it what leads to the queues, which stay with what they hold. */
  deleteExchange(): Promise<void> {
    return this.onChannel(async (channel) => {
      await channel.deleteExchange(TOPIC);
    });
  }

  async read(ledger: Ledger): Promise<void> {
    await this.onChannel(async (channel) => {
      for (const [queue, taken] of this.taken) {
        const wanted = taken.length + (await channel.checkQueue(queue)).messageCount;
        const { consumerTag } = await channel.consume(
          queue,
          (message) => {
            if (message !== null) taken.push(message);
          },
          { noAck: true },
        );
        await waitFor(() => taken.length >= wanted, { what: `${String(wanted)} messages`, deadlineMs: 60_000 });
        // What was on its way comes before the answer.
        await channel.cancel(consumerTag);
      }
    });
    for (const [queue, taken] of this.taken) {
      for (const { content, properties } of taken) {
        ledger.add(content.toString(), queue, String(properties.messageId));
        if (properties.deliveryMode !== 2) ledger.faults.push(`${String(properties.messageId)} is not persistent`);
      }
    }
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

  private async onChannel(work: (channel: Channel) => Promise<void>): Promise<void> {
    const client = await this.server.client();
    try {
      await work(await client.createChannel());
    } finally {
      await client.close();
    }
  }
}
