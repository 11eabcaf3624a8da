import type { OutgoingEvent } from '#lib/events';
import type { EventWindow } from '../event-window.js';
import type { SendOrder } from '../send-order.js';

/** One total order: every event as soon as it is there. Barriers need nothing more. */
export class ChainOrder implements SendOrder {
  private cursor = 0;

  constructor(private readonly window: EventWindow) {}

  offer(): void {
    // The window itself is the queue.
  }

  next(): OutgoingEvent | undefined {
    if (this.cursor < this.window.head) this.cursor = this.window.head;
    while (this.cursor < this.window.end) {
      const event = this.window.at(this.cursor);
      this.cursor += 1;
      if (event !== undefined) return event;
    }
    return undefined;
  }

  done(): void {
    // Nothing waits for it.
  }

  clear(): void {
    this.cursor = 0;
  }
}
