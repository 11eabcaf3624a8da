import type { OutgoingEvent } from '#lib/events';
import { Fifo } from './fifo.js';
import type { SendOrder } from './send-order.js';

/**
 * One unacknowledged event per ordering key: `next` gives an event only when every earlier one of its key is done.
 * A barrier event is given alone, after all before it and before all after it. Pure.
 */
export class KeyedLanes implements SendOrder {
  /** A key is present while one of its events is ready or given out; the value, if any, waits behind it. */
  private readonly lanes = new Map<string, Fifo<OutgoingEvent> | undefined>();
  private readonly ready = new Fifo<OutgoingEvent>();
  private readonly held = new Fifo<OutgoingEvent>();
  private barrier: OutgoingEvent | undefined;
  private barrierGiven = false;

  offer(event: OutgoingEvent): void {
    if (this.barrier !== undefined) this.held.push(event);
    else this.place(event);
  }

  next(): OutgoingEvent | undefined {
    const event = this.ready.shift();
    if (event !== undefined) return event;
    if (this.barrier === undefined || this.barrierGiven || this.lanes.size > 0) return undefined;
    this.barrierGiven = true;
    return this.barrier;
  }

  done(event: OutgoingEvent): void {
    if (event === this.barrier) {
      this.barrier = undefined;
      this.barrierGiven = false;
      while (this.barrier === undefined) {
        const later = this.held.shift();
        if (later === undefined) return;
        this.place(later);
      }
      return;
    }
    const key = keyOf(event);
    const following = this.lanes.get(key)?.shift();
    if (following === undefined) this.lanes.delete(key);
    else this.ready.push(following);
  }

  clear(): void {
    this.lanes.clear();
    this.ready.clear();
    this.held.clear();
    this.barrier = undefined;
    this.barrierGiven = false;
  }

  private place(event: OutgoingEvent): void {
    if (event.barrier) {
      this.barrier = event;
      return;
    }
    const key = keyOf(event);
    const lane = this.lanes.get(key);
    if (lane !== undefined) {
      lane.push(event);
    } else if (this.lanes.has(key)) {
      const waiting = new Fifo<OutgoingEvent>();
      waiting.push(event);
      this.lanes.set(key, waiting);
    } else {
      this.lanes.set(key, undefined);
      this.ready.push(event);
    }
  }
}

function keyOf(event: OutgoingEvent): string {
  return event.keySlab.toString('latin1', event.keyStart, event.keyEnd);
}
