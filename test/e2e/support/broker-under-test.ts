import type { Ledger } from './ledger.js';

/** `publisher.topic` of every scenario. */
export const TOPIC = 'shop';
/** What the workload's tables are published to. */
export const EVENT_TOPICS: readonly string[] = [`${TOPIC}.public_orders`, `${TOPIC}.public_items`];

/** A broker of the test's own, with whatever stores what is published to EVENT_TOPICS. */
export interface BrokerUnderTest extends AsyncDisposable {
  /** The WAL_PUBLISHER_* variables that lead to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything stored so far, as a consumer of the broker's own ecosystem finds it; each call begins at the start. */
  read(ledger: Ledger): Promise<void>;
}

/** A broker that keeps what it has acknowledged through its own death. */
export interface DurableBroker extends BrokerUnderTest {
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again with what it had. */
  start(): Promise<void>;
}
