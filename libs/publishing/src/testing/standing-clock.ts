import type { CancelTimer, Clock } from '#lib/kernel';

/** Time that stands still until it is told to pass. */
export class StandingClock implements Clock {
  private ms = 1000;
  private timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  now = () => this.ms;
  wallTime = () => this.ms;
  after(ms: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.ms + ms, callback };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((one) => one !== timer));
  }
  pass(ms: number): void {
    this.ms += ms;
    const due = this.timers.filter((timer) => timer.atMs <= this.ms);
    this.timers = this.timers.filter((timer) => timer.atMs > this.ms);
    for (const timer of due) timer.callback();
  }
}
