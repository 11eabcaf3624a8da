import type { Clock } from './clock.js';
import { systemClock } from './clock.js';

/**
 * Waits `ms`, or less when the signal aborts first. Never rejects: the caller looks at `signal.aborted`.
 */
export function sleep(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when the signal aborts (at once when it has). */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A signal that aborts with another one, until it is unlinked. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Leaves no trace at the other one. */
  readonly unlink: () => void;
}

/**
 * For work that is done again and again under a signal that lives as long as the process: whatever is derived from the
 * signal given out goes with it, whereas Node keeps a few bytes at a signal for every AbortSignal.any() of it.
 */
export function linkedSignal(source: AbortSignal): LinkedSignal {
  const own = new AbortController();
  const onAbort = () => own.abort(source.reason);
  if (source.aborted) onAbort();
  source.addEventListener('abort', onAbort, { once: true });
  return { signal: own.signal, unlink: () => source.removeEventListener('abort', onAbort) };
}

/**
 * The value of `work`, or a rejection made by `onTimeout` when it takes longer than `ms`.
 * The work itself is not cancelled; whoever started it closes what it holds.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  ms: number,
  onTimeout: () => Error,
  clock: Clock = systemClock,
): Promise<T> {
  let cancel = () => {};
  const timeout = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => reject(onTimeout()));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    cancel();
  }
}

/** A promise and the two functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

/** Makes a promise that is settled from outside (Promise.withResolvers needs Node 22). */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
