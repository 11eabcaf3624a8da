import type { CancelTimer, Clock } from '#lib/kernel';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that goes when it is told to. */
export class ManualClock implements Clock {
  private nowMs = 0;
  private readonly timers = new Set<Timer>();

  /** How many timers wait. */
  get pending(): number {
    return this.timers.size;
  }

  now(): number {
    return this.nowMs;
  }

  wallTime(): number {
    return this.nowMs;
  }

  after(ms: number, callback: () => void): CancelTimer {
    const timer = { dueMs: this.nowMs + ms, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Time passes, every timer comes when it is due. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let next = this.next(endMs); next !== undefined; next = this.next(endMs)) {
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      this.timers.delete(next);
      next.callback();
    }
    this.nowMs = endMs;
  }

  /** Time passes in which nothing runs; what is due then waits for `runDue` or `advance`. */
  standStill(ms: number): void {
    this.nowMs += ms;
  }

  runDue(): void {
    this.advance(0);
  }

  private next(untilMs: number): Timer | undefined {
    const [first] = [...this.timers].toSorted((a, b) => a.dueMs - b.dueMs);
    return first !== undefined && first.dueMs <= untilMs ? first : undefined;
  }
}
