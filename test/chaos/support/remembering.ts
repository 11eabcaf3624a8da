import type { BrokerUnderTest } from '../../e2e/support/broker-under-test.js';
import { Ledger } from '../../e2e/support/ledger.js';

type Arrival = Parameters<Ledger['add']>;

/** A ledger that can be written again. */
class Notes extends Ledger {
  readonly arrivals: Arrival[] = [];

  override add(...arrival: Arrival): void {
    this.arrivals.push(arrival);
    super.add(...arrival);
  }
}

/** A consumer that knows what it had read before the broker lost it. */
export class Remembering<Broker extends BrokerUnderTest> implements BrokerUnderTest {
  private readonly remembered: Arrival[] = [];

  constructor(readonly broker: Broker) {}

  get env(): Readonly<Record<string, string>> {
    return this.broker.env;
  }

  /** Reads everything now, before it is taken away from the broker. */
  async remember(): Promise<void> {
    const notes = new Notes();
    await this.broker.read(notes);
    this.remembered.push(...notes.arrivals);
  }

  async read(ledger: Ledger): Promise<void> {
    for (const arrival of this.remembered) ledger.add(...arrival);
    await this.broker.read(ledger);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
  }
}
