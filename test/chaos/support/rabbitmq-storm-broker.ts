import { setTimeout as delay } from 'node:timers/promises';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { EVENT_TOPICS } from '../../e2e/support/broker-under-test.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import { RabbitmqBroker } from '../../e2e/support/rabbitmq-broker.js';
import { type Holding, holdingBelow, inTime, type StormBroker } from './storm-broker.js';

/** RabbitMQ in a storm. Nobody consumes meanwhile: the queues only grow. */
export class RabbitmqStormBroker implements StormBroker {
  private constructor(
    private readonly broker: RabbitmqBroker,
    readonly network: TcpProxy,
  ) {}

  static async start(this: void, type: 'classic' | 'quorum'): Promise<RabbitmqStormBroker> {
    const broker = await RabbitmqBroker.start(type);
    // A quorum queue that was declared less than a second ago does not come back when its node is killed.
    if (type === 'quorum') await broker.server.ctl('eval', '[dets:sync(T) || T <- dets:all()].');
    return new RabbitmqStormBroker(broker, await TcpProxy.start(broker.server.port));
  }

  get env(): Readonly<Record<string, string>> {
    return { ...this.broker.env, WAL_PUBLISHER_ADDRESS: `amqp://${this.network.address}` };
  }

  read(ledger: Ledger): Promise<void> {
    return this.broker.read(ledger);
  }

  async holding(): Promise<Holding> {
    const connecting = this.broker.server.client();
    // One that is late must not stay.
    const forget = () => void connecting.then((client) => client.close()).catch(() => undefined);
    try {
      const channel = await inTime((await inTime(connecting)).createChannel());
      const counts = new Map<string, number>();
      for (const queue of EVENT_TOPICS) {
        counts.set(queue, (await inTime(channel.checkQueue(queue))).messageCount);
      }
      return holdingBelow(counts);
    } finally {
      forget();
    }
  }

  freeze(): void {
    this.broker.server.freeze();
  }

  thaw(): void {
    this.broker.server.thaw();
  }

  async restart(downMs: number): Promise<void> {
    await this.broker.kill();
    await delay(downMs);
    await this.broker.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}
