import type { OutgoingEvent } from '#lib/events';

const INITIAL_CAPACITY = 1024;

/**
 * The events a publisher holds until they are settled, addressed by their seq (which has no gaps). Grows with what is in
 * flight, which the caller bounds; nothing is allocated per event.
 */
export class EventWindow {
  private capacity = INITIAL_CAPACITY;
  private events: (OutgoingEvent | undefined)[] = empty(INITIAL_CAPACITY);
  private settledFlags = new Uint8Array(INITIAL_CAPACITY);
  private sentAt = new Float64Array(INITIAL_CAPACITY);
  private first = 1;
  private next = 1;

  /** The lowest seq not yet settled; equal to `end` when nothing is held. */
  get head(): number {
    return this.first;
  }

  /** One past the highest seq held. */
  get end(): number {
    return this.next;
  }

  get isEmpty(): boolean {
    return this.first === this.next;
  }

  /** @throws RangeError when the event's seq does not follow the last one's (a defect of the caller) */
  push(event: OutgoingEvent): void {
    if (this.isEmpty) this.first = this.next = event.seq;
    if (event.seq !== this.next) throw new RangeError(`event ${event.seq} does not follow ${this.next - 1}`);
    if (this.next - this.first === this.capacity) this.grow();
    const slot = this.next & (this.capacity - 1);
    this.events[slot] = event;
    this.settledFlags[slot] = 0;
    this.sentAt[slot] = 0;
    this.next += 1;
  }

  /** The event, or undefined when it is not held or settled already. */
  at(seq: number): OutgoingEvent | undefined {
    return seq >= this.first && seq < this.next ? this.events[seq & (this.capacity - 1)] : undefined;
  }

  /** Notes when the event was sent, monotonic milliseconds; 0 = it has to be sent (again). */
  markSent(seq: number, nowMs: number): void {
    this.sentAt[seq & (this.capacity - 1)] = nowMs;
  }

  /** 0 = not sent. */
  sentAtMs(seq: number): number {
    return this.sentAt[seq & (this.capacity - 1)] ?? 0;
  }

  /** Marks the event as settled and lets go of it. False when it was settled before or is not held. */
  settle(seq: number): boolean {
    const slot = seq & (this.capacity - 1);
    if (seq < this.first || seq >= this.next || this.settledFlags[slot] === 1) return false;
    this.settledFlags[slot] = 1;
    this.events[slot] = undefined;
    while (this.first < this.next && this.settledFlags[this.first & (this.capacity - 1)] === 1) this.first += 1;
    return true;
  }

  private grow(): void {
    const capacity = this.capacity * 2;
    const events = empty(capacity);
    const settledFlags = new Uint8Array(capacity);
    const sentAt = new Float64Array(capacity);
    for (let seq = this.first; seq < this.next; seq++) {
      const from = seq & (this.capacity - 1);
      const to = seq & (capacity - 1);
      events[to] = this.events[from];
      settledFlags[to] = this.settledFlags[from] ?? 0;
      sentAt[to] = this.sentAt[from] ?? 0;
    }
    this.capacity = capacity;
    this.events = events;
    this.settledFlags = settledFlags;
    this.sentAt = sentAt;
  }
}

function empty(length: number): (OutgoingEvent | undefined)[] {
  return Array.from({ length }, () => undefined);
}
