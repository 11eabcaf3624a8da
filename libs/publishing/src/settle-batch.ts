import type { PublisherListener } from './publisher.js';

/**
 * Reports settled events in ranges, once per gulp of acknowledgements: what is added in one turn of the parser goes out
 * in the microtask after it.
 */
export class SettleBatch {
  private from = 0;
  private to = -1;
  private scheduled = false;

  constructor(private readonly listener: PublisherListener) {}

  /** Adds an event that has just become durable; each is to be added once. */
  add(seq: number): void {
    if (this.to >= 0 && seq === this.to + 1) {
      this.to = seq;
    } else {
      this.report();
      this.from = this.to = seq;
    }
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.report();
    });
  }

  /** Reports what was added at once. */
  report(): void {
    if (this.to < 0) return;
    const { from, to } = this;
    this.to = -1;
    this.listener.settled(from, to);
  }
}
