import { setTimeout as delay } from 'node:timers/promises';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { EVENT_TOPICS } from '../../e2e/support/broker-under-test.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import { RabbitmqBroker } from '../../e2e/support/rabbitmq-broker.js';
import { waitFor } from '../../support/wait-for.js';
import { type Holding, holdingBelow, inTime, type StormBroker } from './storm-broker.js';

/** RabbitMQ in a storm. Nobody consumes meanwhile: the queues only grow. */
export class RabbitmqStormBroker implements StormBroker {
  /** Until a restarted node has found all that it had, it counts too few. */
  private counts = true;
  /** The highest count of each queue so far. */
  private readonly most = new Map<string, number>();

  private constructor(
    private readonly broker: RabbitmqBroker,
    private readonly type: 'classic' | 'quorum',
    readonly network: TcpProxy,
  ) {}

  static async start(this: void, type: 'classic' | 'quorum'): Promise<RabbitmqStormBroker> {
    const broker = await RabbitmqBroker.start(type);
    // A quorum queue that was declared less than a second ago does not come back when its node is killed.
    if (type === 'quorum') await broker.server.ctl('eval', '[dets:sync(T) || T <- dets:all()].');
    return new RabbitmqStormBroker(broker, type, await TcpProxy.start(broker.server.port));
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
        const { messageCount } = await inTime(channel.checkQueue(queue));
        // A quorum queue whose leader is busy says 0; a killed node may have lost what it had not confirmed.
        const most = this.most.get(queue) ?? 0;
        if (messageCount < most) throw new Error(`${queue} is said to hold less than before`);
        this.most.set(queue, messageCount);
        counts.set(queue, messageCount);
      }
      if (!this.counts) throw new Error('the node is being restarted');
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
    this.counts = false;
    await this.broker.kill();
    await delay(downMs);
    await this.broker.start();
    if (this.type === 'quorum') await this.recovered();
    this.counts = true;
  }

  /** Waits until the leaders of the queues have applied their logs. */
  private async recovered(): Promise<void> {
    const leaders = EVENT_TOPICS.map((queue) => `{'%2F_${queue}', node()}`).join();
    const query = `[element(1, ra:consistent_query(L, fun(_) -> up end)) || L <- [${leaders}]].`;
    const answered = async () => (await this.broker.server.ctl('eval', query)).trim() === '[ok,ok]';
    await waitFor(answered, { what: 'the quorum queues to recover', deadlineMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}
