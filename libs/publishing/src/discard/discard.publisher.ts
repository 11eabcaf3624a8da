import type { OutgoingEvent } from '#lib/events';
import type { Publisher, PublisherDriver, PublisherListener } from '../publisher.js';

/**
 * Settles every event at once and keeps nothing: what the rest of the service costs, for benchmarks. No configuration
 * chooses it.
 */
export class DiscardPublisher implements Publisher {
  constructor(private readonly listener: PublisherListener) {}

  open(): Promise<void> {
    return Promise.resolve();
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  publish(events: readonly OutgoingEvent[]): void {
    const first = events[0];
    const last = events.at(-1);
    if (first !== undefined && last !== undefined) this.listener.settled(first.seq, last.seq);
  }

  checkHealth(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The driver of the discarding publisher; `needsKeys` stands in for the broker that is compared. */
export function discardDriver(needsKeys = false): PublisherDriver {
  return {
    window: { events: Infinity, bytes: Infinity },
    needsKeys,
    check: () => Promise.resolve([]),
    topicName: (name) => name,
    create: (listener) => new DiscardPublisher(listener),
  };
}
