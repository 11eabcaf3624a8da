import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from 'nats';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { TOPIC } from '../../e2e/support/broker-under-test.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import { NatsBroker } from '../../e2e/support/nats-broker.js';
import { type Holding, holdingBelow, inTime, type StormBroker } from './storm-broker.js';

/** NATS JetStream in a storm. */
export class NatsStormBroker implements StormBroker {
  private connection: NatsConnection | undefined;

  private constructor(
    private readonly broker: NatsBroker,
    readonly network: TcpProxy,
  ) {}

  static async start(this: void): Promise<NatsStormBroker> {
    const broker = await NatsBroker.start();
    return new NatsStormBroker(broker, await TcpProxy.start(broker.server.port));
  }

  get env(): Readonly<Record<string, string>> {
    // Repeats are stored as soon as the window is over: they must not reorder either.
    const window = { WAL_PUBLISHER_NATS_DUPLICATE_WINDOW: '100ms' };
    return { ...this.broker.env, ...window, WAL_PUBLISHER_ADDRESS: this.network.address };
  }

  read(ledger: Ledger): Promise<void> {
    return this.broker.read(ledger);
  }

  async holding(): Promise<Holding> {
    this.connection ??= await this.broker.server.client({
      timeout: 1000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    const manager = await inTime(this.connection.jetstreamManager({ checkAPI: false }));
    const { state } = await inTime(manager.streams.info(TOPIC));
    return holdingBelow(new Map([[TOPIC, state.last_seq]]));
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
    await this.connection?.close().catch(() => undefined);
    await this.network[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}
