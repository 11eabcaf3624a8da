import type { OutgoingEvent } from '#lib/events';
import type { EventWindow } from '../event-window.js';

/** What became of an event: it has its place, it must wait, it needs none, or it ends the service. */
export type Placed = 'placed' | 'wait' | 'settled' | 'halt';

/**
 * Gives each event its place in a partition, in commit order. Stops before a barrier until all before it is settled,
 * behind it until it is, and before an event that must wait.
 */
export class Placement {
  private cursor = 1;
  private barrierSeq = 0;

  constructor(
    private readonly window: EventWindow,
    private readonly place: (event: OutgoingEvent) => Placed,
    /** Every event before this one is settled, and it ends the service. */
    private readonly halt: (event: OutgoingEvent) => void,
  ) {}

  /** Whether events of the window wait for their place. */
  get isBehind(): boolean {
    return this.cursor < this.window.end;
  }

  /** One past the last event that was looked at. */
  get end(): number {
    return this.cursor;
  }

  /** Starts over with everything unsettled. */
  restart(): void {
    this.cursor = this.window.head;
    this.barrierSeq = 0;
  }

  /** Goes as far as it may. */
  run(): void {
    const { window } = this;
    if (this.cursor < window.head) this.cursor = window.head;
    for (; this.cursor < window.end; this.cursor++) {
      const seq = this.cursor;
      if (this.barrierSeq !== 0) {
        if (window.head <= this.barrierSeq) return;
        this.barrierSeq = 0;
      }
      const event = window.at(seq);
      // Settled before a resume.
      if (event === undefined) continue;
      if (event.barrier && window.head !== seq) return;
      const placed = this.place(event);
      if (placed === 'wait') return;
      if (placed === 'halt') {
        if (window.head === seq) this.halt(event);
        return;
      }
      if (event.barrier && placed === 'placed') this.barrierSeq = seq;
    }
  }
}
