import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { EVENT_TOPICS } from '../../e2e/support/broker-under-test.js';
import { KafkaBroker } from '../../e2e/support/kafka-broker.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import { type Holding, holdingBelow, inTime, type StormBroker } from './storm-broker.js';

/** Apache Kafka in a storm: the listener that is told to the service leads through the proxy. */
export class KafkaStormBroker implements StormBroker {
  private admin: Admin | undefined;

  private constructor(private readonly broker: KafkaBroker) {}

  static async start(this: void): Promise<KafkaStormBroker> {
    return new KafkaStormBroker(await KafkaBroker.start({ topics: 'beforehand', server: { proxied: 'PLAINTEXT' } }));
  }

  get env(): Readonly<Record<string, string>> {
    return this.broker.env;
  }

  get network(): TcpProxy {
    return this.broker.server.proxy;
  }

  read(ledger: Ledger): Promise<void> {
    return this.broker.read(ledger);
  }

  async holding(): Promise<Holding> {
    const counts = new Map<string, number>();
    try {
      const admin = await this.connect();
      for (const topic of EVENT_TOPICS) {
        for (const { partition, high } of await inTime(admin.fetchTopicOffsets(topic))) {
          counts.set(`${topic}/${String(partition)}`, Number(high));
        }
      }
    } catch (error) {
      const { admin } = this;
      this.admin = undefined;
      void admin?.disconnect().catch(() => undefined);
      throw error;
    }
    return holdingBelow(counts);
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
    await this.admin?.disconnect().catch(() => undefined);
    await this.broker[Symbol.asyncDispose]();
  }

  private async connect(): Promise<Admin> {
    if (this.admin !== undefined) return this.admin;
    const admin = this.broker.server
      .client({ requestTimeout: 1000, connectionTimeout: 1000, retry: { retries: 0 } })
      .admin();
    await inTime(admin.connect());
    this.admin = admin;
    return admin;
  }
}
