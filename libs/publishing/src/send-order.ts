import type { OutgoingEvent } from '#lib/events';

/** Decides which event may be sent next. Each event is offered once, given out once, and done once. */
export interface SendOrder {
  offer(event: OutgoingEvent): void;
  /** The next event that may be sent now; undefined when none may. */
  next(): OutgoingEvent | undefined;
  /** The event given out is durable (or passed over). */
  done(event: OutgoingEvent): void;
  /** Forgets everything, before all that is unsettled is offered anew. */
  clear(): void;
}
