/** Cancels the timer it was given for; calling it twice does nothing. */
export type CancelTimer = () => void;

/** Time as the libraries see it, so that a test can drive it. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wallTime(): number;
  /** Calls back once after `ms`. */
  after(ms: number, callback: () => void): CancelTimer;
}

/** The process's own clock. Its timers keep the process alive until cancelled. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
