import type { OutgoingEvent } from '#lib/events';
import type { CancelTimer, Clock } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';

/** What may be on the wire unanswered: enough for a fast link, little enough to be resent. */
export const MAX_BYTES = 4 * 1024 * 1024;
export const MAX_EVENTS = 4096;

/** Counts what was sent and not yet answered, and notices when an answer is overdue. */
export class Wire {
  private events = 0;
  private bytes = 0;
  private allAnswered: (() => void)[] = [];
  private cancelDeadline: CancelTimer | undefined;

  constructor(
    private readonly window: EventWindow,
    private readonly clock: Clock,
    private readonly ackTimeoutMs: number,
    /** The oldest event has waited for its answer for this long. */
    private readonly overdue: (waitedMs: number) => void,
  ) {}

  get isFull(): boolean {
    return this.events >= MAX_EVENTS || this.bytes >= MAX_BYTES;
  }

  /** Room for a batch: sending a few at a time would mean a write each. */
  get hasRoom(): boolean {
    return this.events <= MAX_EVENTS / 2 && this.bytes <= MAX_BYTES / 2;
  }

  get isIdle(): boolean {
    return this.events === 0;
  }

  sent(event: OutgoingEvent, nowMs: number): void {
    this.events += 1;
    this.bytes += event.end - event.start;
    this.window.markSent(event.seq, nowMs);
    if (this.cancelDeadline === undefined) this.watch(this.ackTimeoutMs);
  }

  answered(event: OutgoingEvent): void {
    this.events -= 1;
    this.bytes -= event.end - event.start;
    if (this.events === 0) this.idle();
  }

  /** Nothing will be answered any more. */
  reset(): void {
    this.events = 0;
    this.bytes = 0;
    this.idle();
  }

  /** Resolves when nothing is unanswered. */
  whenIdle(): Promise<void> {
    if (this.events === 0) return Promise.resolve();
    return new Promise((resolve) => this.allAnswered.push(resolve));
  }

  private idle(): void {
    this.cancelDeadline?.();
    this.cancelDeadline = undefined;
    const waiting = this.allAnswered;
    this.allAnswered = [];
    for (const resolve of waiting) resolve();
  }

  /** The oldest unsettled event is the one that waits longest. */
  private watch(afterMs: number): void {
    this.cancelDeadline = this.clock.after(afterMs, () => {
      this.cancelDeadline = undefined;
      const sentAtMs = this.window.sentAtMs(this.window.head);
      // The oldest may still wait for its turn, when those before it have just been answered.
      const waitedMs = sentAtMs === 0 ? 0 : this.clock.now() - sentAtMs;
      if (waitedMs < this.ackTimeoutMs) this.watch(this.ackTimeoutMs - waitedMs);
      else this.overdue(waitedMs);
    });
  }
}
