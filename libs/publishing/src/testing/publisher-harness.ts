import { eventId, type OutgoingEvent } from '#lib/events';
import type { AppConfig, PublisherConfig } from '#lib/config';
import { type LogFields, type Metrics, noMetrics } from '#lib/kernel';
import { createPublisherDriver } from '../create-publisher.js';
import type { Publisher, PublisherDriver } from '../publisher.js';
import type { OrderedWithin, ReceivedMessage } from './delivery-check.js';
import { RecordingListener } from './recording-listener.js';

/** What stands between publisher and broker, and can fail; see test/support/tcp-proxy.ts. */
export interface FaultyNetwork {
  /** Resets every connection. */
  cut(): void;
  /** Lets nothing through and closes nothing, until `resume`. */
  stall(): void;
  resume(): void;
  /** Connections accepted so far. */
  readonly accepted: number;
}

/** A broker of this test's own, with whatever it needs to store `app.*` topics, behind a faulty network. */
export interface BrokerHarness extends AsyncDisposable {
  /** The configuration of a publisher that goes through the network. */
  config(publisher?: Partial<PublisherConfig>, ackTimeoutMs?: number): AppConfig;
  readonly network: FaultyNetwork;
  /** Default: everything. */
  readonly orderedWithin?: OrderedWithin;
  /** All messages that the broker holds, in its order; events only, without dead letters unless asked for. */
  received(topic?: string): Promise<readonly ReceivedMessage[]>;
  /** Ends the broker at once. */
  kill(): Promise<void>;
  /** Starts it again with what it had. */
  start(): Promise<void>;
}

/** One publisher with its listener, logs and a driver of its own or a shared one. */
export class Attempt {
  readonly listener = new RecordingListener();
  readonly publisher: Publisher;
  readonly sent: OutgoingEvent[] = [];

  constructor(readonly driver: PublisherDriver) {
    this.publisher = driver.create(this.listener);
  }

  /** Connects, and takes the slot's place at the broker. */
  async open(signal: AbortSignal = new AbortController().signal, topics: readonly string[] = []): Promise<this> {
    await this.publisher.open(signal);
    await this.publisher.prepare(topics, signal);
    return this;
  }

  publish(events: readonly OutgoingEvent[]): void {
    this.sent.push(...events);
    this.publisher.publish(events);
  }

  /** The ids reported as durable. */
  settledIds(): readonly string[] {
    return this.sent.filter((event) => this.listener.seqs.has(event.seq)).map(eventId);
  }
}

export interface DriverLog {
  readonly lines: string[];
}

/** A driver whose log lines are kept in `log`. */
export function testDriver(
  config: AppConfig,
  log: DriverLog = { lines: [] },
  metrics: Metrics = noMetrics,
): Promise<PublisherDriver> {
  const keep = (message: string, fields?: LogFields) => {
    log.lines.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  };
  return createPublisherDriver(config, {
    logger: { debug: keep, info: keep, warn: keep, error: keep },
    metrics,
  });
}
