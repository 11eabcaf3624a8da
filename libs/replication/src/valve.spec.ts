import { beforeEach, describe, expect, it } from 'vitest';

import { Valve } from './valve.js';

describe('Valve', () => {
  let calls: string[];
  let valve: Valve;

  beforeEach(() => {
    calls = [];
    valve = new Valve({ pause: () => calls.push('pause'), resume: () => calls.push('resume') });
  });

  it('turns the socket once however many hold it', () => {
    valve.hold('coalescing');
    valve.hold('backpressure');
    valve.release('coalescing');
    expect(calls).toEqual(['pause']);
    expect(valve.isClosed).toBe(true);
    valve.release('backpressure');
    expect(calls).toEqual(['pause', 'resume']);
    expect(valve.isClosed).toBe(false);
  });

  it('counts a reason once', () => {
    valve.hold('sink');
    valve.hold('sink');
    valve.release('sink');
    valve.release('sink');
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('does not open for a reason that does not hold it', () => {
    valve.hold('sink');
    valve.release('backpressure');
    expect(calls).toEqual(['pause']);
  });

  it('tells waiting for a gulp from being held', () => {
    valve.hold('coalescing');
    expect(valve.isHeld).toBe(false);
    valve.hold('backpressure');
    expect(valve.isHeld).toBe(true);
  });

  it('opens for good', () => {
    valve.hold('stopping');
    valve.hold('backpressure');
    valve.openForGood();
    valve.hold('coalescing');
    expect(calls).toEqual(['pause', 'resume']);
    expect(valve.isClosed).toBe(false);
  });
});
