import { afterEach, describe, expect, it, vi } from 'vitest';
import { StopSignals } from './stop-signals.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Signals go to the newest listener alone: the test runner has listeners of its own. */
function stopSignals() {
  let nowMs = 1000;
  const listeners = new Map<string | symbol, (signal: string) => void>();
  vi.spyOn(process, 'on').mockImplementation((event, listener) => {
    listeners.set(event, listener as (signal: string) => void);
    return process;
  });
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const signals = new StopSignals(() => nowMs);
  const send = (signal: 'SIGTERM' | 'SIGINT', afterMs: number) => {
    nowMs += afterMs;
    listeners.get(signal)?.(signal);
  };
  return { signals, send, exit, told };
}

describe('StopSignals', () => {
  it('takes what a process and its group are sent for one request', async () => {
    const { signals, send, exit } = stopSignals();
    expect(signals.received).toBeUndefined();
    send('SIGTERM', 0);
    send('SIGTERM', 50);
    expect(await signals.requested).toBe('SIGTERM');
    expect(signals.received).toBe('SIGTERM');
    expect(exit).not.toHaveBeenCalled();
  });

  it('ends at the second request, and says so', () => {
    const { send, exit, told } = stopSignals();
    send('SIGINT', 0);
    send('SIGTERM', 5000);
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^wal-listener: SIGTERM again: .*\n$/));
  });
});
