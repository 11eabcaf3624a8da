import type { OutgoingEvent } from '#lib/events';
import type { CancelTimer, Clock } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';

/**
 * What may be unconfirmed: a broker confirms a batch only when it is on disk, so a few batches have to be on their way;
 * little enough to be resent.
 */
export const MAX_EVENTS = 4096;
export const MAX_BYTES = 8 * 1024 * 1024;
const MASK = MAX_EVENTS - 1;

/**
 * The messages sent on one channel and not yet confirmed, by delivery tag (1, 2, 3 … without gaps); notices when the
 * oldest waits too long. Nothing is allocated per message.
 */
export class Wire {
  /** By tag; undefined = confirmed. */
  private readonly sent: (OutgoingEvent | undefined)[] = Array.from({ length: MAX_EVENTS }, () => undefined);
  private readonly returned = new Uint8Array(MAX_EVENTS);
  /** The lowest tag that is not confirmed. */
  private first = 1;
  /** One past the highest tag sent. */
  private next = 1;
  /** Where the search for the next returned message begins: the broker returns in order. */
  private returnsFrom = 1;
  private events = 0;
  private bytes = 0;
  private allConfirmed: (() => void)[] = [];
  private cancelDeadline: CancelTimer | undefined;
  private suspended = false;
  private notBeforeMs = 0;

  constructor(
    private readonly window: EventWindow,
    private readonly clock: Clock,
    private readonly ackTimeoutMs: number,
    /** The oldest message has waited for its confirmation for this long. */
    private readonly overdue: (waitedMs: number) => void,
  ) {}

  get isFull(): boolean {
    return this.next - this.first >= MAX_EVENTS || this.bytes >= MAX_BYTES;
  }

  /** Room for a batch: sending a few at a time would mean a write each. */
  get hasRoom(): boolean {
    return this.next - this.first <= MAX_EVENTS / 2 && this.bytes <= MAX_BYTES / 2;
  }

  get isIdle(): boolean {
    return this.events === 0;
  }

  /** Notes the next message sent. */
  add(event: OutgoingEvent, nowMs: number): void {
    const slot = this.next & MASK;
    this.sent[slot] = event;
    this.returned[slot] = 0;
    this.next += 1;
    this.events += 1;
    this.bytes += event.end - event.start;
    this.window.markSent(event.seq, nowMs);
    if (this.cancelDeadline === undefined) this.watch(this.ackTimeoutMs);
  }

  /** The lowest unconfirmed tag. */
  get firstTag(): number {
    return this.first;
  }

  /** Takes the message with this tag off the wire; undefined when it was confirmed before. */
  take(tag: number): OutgoingEvent | undefined {
    if (tag < this.first || tag >= this.next) return undefined;
    const slot = tag & MASK;
    const event = this.sent[slot];
    if (event === undefined) return undefined;
    this.sent[slot] = undefined;
    this.events -= 1;
    this.bytes -= event.end - event.start;
    while (this.first < this.next && this.sent[this.first & MASK] === undefined) this.first += 1;
    return event;
  }

  /** Whether the message with this tag was returned; to be asked right after `take`. */
  wasReturned(tag: number): boolean {
    return this.returned[tag & MASK] === 1;
  }

  /** Marks the next unconfirmed message that `matches` as returned. */
  markReturned(matches: (event: OutgoingEvent) => boolean): OutgoingEvent | undefined {
    for (let tag = Math.max(this.first, this.returnsFrom); tag < this.next; tag++) {
      const event = this.sent[tag & MASK];
      if (event === undefined || !matches(event)) continue;
      this.returned[tag & MASK] = 1;
      this.returnsFrom = tag + 1;
      return event;
    }
    return undefined;
  }

  /** Tells who waits that nothing is unconfirmed any more; after a gulp of confirmations. */
  wakeWhenIdle(): void {
    if (this.events === 0) this.idle();
  }

  /** Nothing will be confirmed any more; tags begin at `firstTag`. */
  reset(firstTag: number): void {
    this.sent.fill(undefined);
    this.first = this.next = this.returnsFrom = firstTag;
    this.events = 0;
    this.bytes = 0;
    this.suspended = false;
    this.notBeforeMs = 0;
    this.idle();
  }

  /** While the broker says itself that it does not read, nothing is overdue. */
  suspend(suspended: boolean): void {
    this.suspended = suspended;
    if (!suspended) this.notBeforeMs = this.clock.now();
  }

  /** Resolves when nothing is unconfirmed. */
  whenIdle(): Promise<void> {
    if (this.events === 0) return Promise.resolve();
    return new Promise((resolve) => this.allConfirmed.push(resolve));
  }

  private idle(): void {
    this.cancelDeadline?.();
    this.cancelDeadline = undefined;
    const waiting = this.allConfirmed;
    this.allConfirmed = [];
    for (const resolve of waiting) resolve();
  }

  /** Of what is on the wire the lowest tag waits longest; the window's head may not even be sent yet. */
  private watch(afterMs: number): void {
    this.cancelDeadline = this.clock.after(afterMs, () => {
      this.cancelDeadline = undefined;
      const oldest = this.sent[this.first & MASK];
      const waitedMs =
        oldest === undefined || this.suspended
          ? 0
          : this.clock.now() - Math.max(this.window.sentAtMs(oldest.seq), this.notBeforeMs);
      if (waitedMs < this.ackTimeoutMs) this.watch(this.ackTimeoutMs - waitedMs);
      else this.overdue(waitedMs);
    });
  }
}
