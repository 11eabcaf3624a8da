import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import { PubsubBroker } from '../../e2e/support/pubsub-broker.js';
import type { Holding, Place, StormBroker } from './storm-broker.js';

/** The Pub/Sub emulator in a storm: never killed, since it would forget what it has acknowledged. */
export class PubsubStormBroker implements StormBroker {
  private constructor(private readonly broker: PubsubBroker) {}

  static async start(this: void): Promise<PubsubStormBroker> {
    return new PubsubStormBroker(await PubsubBroker.start());
  }

  get env(): Readonly<Record<string, string>> {
    return this.broker.env;
  }

  get network(): TcpProxy {
    return this.broker.network;
  }

  read(ledger: Ledger): Promise<void> {
    return this.broker.read(ledger);
  }

  /** Each message tells when it was stored, by the clock of this machine. */
  holding(): Promise<Holding> {
    const now = Date.now();
    let times: ReadonlyMap<string, readonly number[]> | undefined;
    const holds = ({ lane, index }: Place) => {
      times ??= this.broker.storedAt();
      return (times.get(lane)?.[index] ?? Infinity) <= now;
    };
    return Promise.resolve({ holds, what: `what came before ${String(now)}` });
  }

  freeze(): void {
    this.broker.emulator.freeze();
  }

  thaw(): void {
    this.broker.emulator.thaw();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.broker[Symbol.asyncDispose]();
  }
}
