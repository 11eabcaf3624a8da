import type { CancelTimer, Clock } from '#lib/kernel';
import type { Verdict } from '#lib/pipeline';

/** Twice a second: what a delay is measured by must not itself keep an idle process busy. */
const SAMPLE_MS = 500;
/** A delay counts for this long. */
const WINDOW_MS = 10_000;
/** Far beyond what a garbage collection, a throttled processor or the largest row takes. */
const LIMIT_MS = 5_000;

interface Sample {
  readonly atMs: number;
  readonly delayMs: number;
}

/**
 * How long this process could do nothing at all, by how late a timer comes; up to half a second less than it was. Down
 * after a delay of more than five seconds, for ten seconds from its end. Longer would gain nothing: a process that stood
 * still once (a suspended machine, SIGSTOP) is well again, and one that stands still again and again is down again and
 * again, so whoever restarts after several failures in a row meets only the latter.
 */
export class EventLoop {
  private samples: Sample[] = [];
  private dueMs: number | undefined;
  private cancel: CancelTimer = () => undefined;

  constructor(private readonly clock: Clock) {}

  /** Measures until `stop`. */
  start(): void {
    this.dueMs = this.clock.now() + SAMPLE_MS;
    this.cancel = this.clock.after(SAMPLE_MS, () => {
      const now = this.clock.now();
      this.samples = [...this.recent(now), { atMs: now, delayMs: this.overdueMs(now) }];
      this.start();
    });
  }

  stop(): void {
    this.cancel();
    this.dueMs = undefined;
  }

  /** The longest delay of the last ten seconds, in milliseconds. */
  longestDelayMs(): number {
    const now = this.clock.now();
    // Whoever asks right after a standstill may come before the timer.
    return Math.max(this.overdueMs(now), ...this.recent(now).map(({ delayMs }) => delayMs));
  }

  verdict(): Verdict {
    const longestDelayMs = Math.round(this.longestDelayMs());
    const ok = longestDelayMs <= LIMIT_MS;
    return { ok, detail: ok ? 'responsive' : 'stood still', facts: { longestDelayMs } };
  }

  private overdueMs(nowMs: number): number {
    return this.dueMs === undefined ? 0 : Math.max(0, nowMs - this.dueMs);
  }

  private recent(nowMs: number): Sample[] {
    return this.samples.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
  }
}
