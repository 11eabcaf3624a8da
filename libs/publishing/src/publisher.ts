import type { AppError, ErrorCode } from '#lib/kernel';
import type { OutgoingEvent } from '#lib/events';

/** What a publisher tells the pipeline. All calls are cheap and never throw. */
export interface PublisherListener {
  /**
   * Events fromSeq..toSeq (both included) are durable: the broker acknowledged each one, or the chosen policy passed
   * over it. Ranges may come in any order, each event is reported once. From here on the events' bytes (body and key) may
   * be overwritten: nothing that still has to be written or compared may lie there.
   */
  settled(fromSeq: number, toSeq: number): void;
  /** The broker stopped taking events (`error` says why) or takes them again (undefined). Retrying goes on by itself. */
  brokerState(error: AppError | undefined): void;
  /** The publisher gave up: nothing more will be published. Retriable: a new attempt may succeed; else fatal. */
  failed(error: AppError): void;
}

/**
 * One attempt's connection to a broker. A new one is made per attempt; it lives open → prepare → publish… → close.
 *
 * Promises every implementation keeps (the contract suite in testing/ checks them against the real broker):
 * - `settled` only after the broker's positive, durable acknowledgement;
 * - events of one ordering key reach the broker in the order given, also across rejections and reconnects: a failed
 *   publish stops what comes after it, what is in flight settles, then it is resent in order with the same id;
 * - barrier events wait for all before them and hold back all after them, unless the publisher keeps a total order;
 * - a lost connection is re-made for ever with back-off, meanwhile `brokerState` tells;
 * - what is not yet settled when `close` returns is either stored already or never will be (the fence).
 */
export interface Publisher {
  /**
   * Connects and checks or creates what the broker needs (stream, exchange …).
   * @throws AppError BROKER_* — retriable ones are retried by the caller with back-off.
   */
  open(signal: AbortSignal): Promise<void>;
  /**
   * Called once, after `open`, when the slot is ours and before the first event: shuts out what an earlier publisher of
   * the same slot may still have on its way (never in `open`, which a waiting standby calls too), and checks the topics
   * known at start, for example that a stream covers them.
   * @throws AppError naming all topics that cannot be published to
   */
  prepare(topics: readonly string[], signal: AbortSignal): Promise<void>;
  /**
   * Takes events in commit order and returns at once; the caller bounds what is in flight. The array may be reused by
   * the caller after the call, the events may be kept.
   */
  publish(events: readonly OutgoingEvent[]): void;
  /** Asks the broker for a sign of life without touching what is being published. @throws AppError */
  checkHealth(signal: AbortSignal): Promise<void>;
  /**
   * Stops publishing and releases the connection; waits for nothing but the broker's answers to what is already on the
   * wire, at most `graceMs`. Never throws.
   */
  close(graceMs: number): Promise<void>;
}

/** One thing that stands in the way of publishing, or that a person should know. */
export interface BrokerFinding {
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  readonly message: string;
  /** What mends it: the exact command where one does. */
  readonly remedy: string;
}

/** What a broker's driver gives to the DI factory. */
export interface PublisherDriver {
  /**
   * Looks whether the broker can be reached and is set up for what is configured; changes nothing there.
   * @throws AppError when it cannot be asked
   */
  check(signal: AbortSignal): Promise<readonly BrokerFinding[]>;
  /** The name as this broker takes it: characters it forbids become `_`. Pure. */
  topicName(name: string): string;
  /**
   * How much is worth handing over ahead of the acknowledgements: more would only wait in memory. The configured limits
   * apply too.
   */
  readonly window: { readonly events: number; readonly bytes: number };
  /** Whether OutgoingEvent's key bytes are used (else the pipeline need not compute them). */
  readonly needsKeys: boolean;
  create(listener: PublisherListener): Publisher;
}
