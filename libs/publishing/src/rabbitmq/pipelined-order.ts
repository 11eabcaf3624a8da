import type { OutgoingEvent } from '#lib/events';
import type { SendOrder } from '../send-order.js';

/**
 * Everything in the order given, without waiting for what was sent before; only a barrier event is sent alone, after all
 * before it are done and before all after it. Pure.
 */
export class PipelinedOrder implements SendOrder {
  private queue: OutgoingEvent[] = [];
  private from = 0;
  private givenOut = 0;
  private barrier: OutgoingEvent | undefined;

  offer(event: OutgoingEvent): void {
    this.queue.push(event);
  }

  next(): OutgoingEvent | undefined {
    const event = this.queue[this.from];
    if (event === undefined || this.barrier !== undefined) return undefined;
    if (event.barrier) {
      if (this.givenOut > 0) return undefined;
      this.barrier = event;
    }
    this.from += 1;
    if (this.from === this.queue.length) this.forget();
    else if (this.from >= 1024 && this.from * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.from);
      this.from = 0;
    }
    this.givenOut += 1;
    return event;
  }

  done(event: OutgoingEvent): void {
    this.givenOut -= 1;
    if (event === this.barrier) this.barrier = undefined;
  }

  clear(): void {
    this.forget();
    this.givenOut = 0;
    this.barrier = undefined;
  }

  private forget(): void {
    this.queue = [];
    this.from = 0;
  }
}
