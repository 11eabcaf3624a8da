import { TcpProxy } from '../../support/tcp-proxy.js';
import type { BrokerUnderTest } from '../../e2e/support/broker-under-test.js';
import type { Ledger } from '../../e2e/support/ledger.js';

/** A broker that the service reaches through a proxy alone, and everybody else directly. */
export class BehindProxy<Broker extends BrokerUnderTest> implements BrokerUnderTest {
  private constructor(
    readonly broker: Broker,
    readonly network: TcpProxy,
  ) {}

  static async start<Broker extends BrokerUnderTest>(startBroker: () => Promise<Broker>): Promise<BehindProxy<Broker>> {
    const broker = await startBroker();
    return new BehindProxy(broker, await TcpProxy.start(Number(portOf(broker.env))));
  }

  get env(): Readonly<Record<string, string>> {
    const { env } = this.broker;
    const port = this.network.address.split(':')[1];
    return { ...env, WAL_PUBLISHER_ADDRESS: addressIn(env).replace(`:${portOf(env)}`, `:${port}`) };
  }

  read(ledger: Ledger): Promise<void> {
    return this.broker.read(ledger);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

function addressIn(env: Readonly<Record<string, string>>): string {
  return env['WAL_PUBLISHER_ADDRESS'] ?? '';
}

function portOf(env: Readonly<Record<string, string>>): string {
  return /:(\d+)$/.exec(addressIn(env))?.[1] ?? '';
}
