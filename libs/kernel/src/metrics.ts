import type { SlotReading } from './slot-reading.js';

/** The choices of a user by which an event is passed over. */
export type PassOverPolicy = 'skip' | 'deadLetter' | 'unroutable' | 'maxTransactionSize';

/**
 * What the pipeline reports. All methods are cheap enough for the hot path when called per batch, none throws.
 * Table and topic are labels: the adapter bounds their number.
 */
export interface Metrics {
  published(topic: string, table: string, count: number): void;
  filtered(table: string, count: number): void;
  problem(kind: 'parse' | 'publish' | 'ack'): void;
  /** Events that a policy passed over. */
  passedOver(policy: PassOverPolicy, count: number): void;
  /** Seconds from commit to acknowledgement, once per settled batch (its oldest event). */
  commitToAck(seconds: number): void;
  inFlight(events: number, bytes: number): void;
  publishAttempts(count: number): void;
  publishRetries(count: number): void;
  reconnect(side: 'database' | 'broker'): void;
  confirmed(lsn: bigint): void;
  /** Age of the oldest transaction that is not durable; 0 when there is none. */
  lagSeconds(seconds: number): void;
  state(state: string): void;
  /** What the server says of the slot; undefined = there is none. */
  slot(reading: SlotReading | undefined): void;
}

/** Metrics that go nowhere; for tests and tools. */
export const noMetrics: Metrics = {
  published: () => undefined,
  filtered: () => undefined,
  problem: () => undefined,
  passedOver: () => undefined,
  commitToAck: () => undefined,
  inFlight: () => undefined,
  publishAttempts: () => undefined,
  publishRetries: () => undefined,
  reconnect: () => undefined,
  confirmed: () => undefined,
  lagSeconds: () => undefined,
  state: () => undefined,
  slot: () => undefined,
};
