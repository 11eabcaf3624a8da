import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** What is awaited, for the error: `row 7 to arrive`. A function is asked when the deadline has passed. */
  readonly what: string | (() => string);
  readonly deadlineMs?: number;
  readonly intervalMs?: number;
}

type Found<T> = Exclude<T, undefined | null | false>;

/**
 * Asks `condition` again and again until it gives something else than undefined, null or false, and returns that.
 * Throws after `deadlineMs` (10 s), naming what was awaited; an error of the condition itself counts as "not yet" and
 * becomes the cause.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<Found<T>> {
  const { what, deadlineMs = 10_000, intervalMs = 10 } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value as Found<T>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const name = typeof what === 'string' ? what : what();
      throw new Error(`Waited ${String(deadlineMs)} ms in vain for ${name}`, { cause });
    }
    await delay(intervalMs);
  }
}
