import { describe, expect, it } from 'vitest';

import { Coalescer } from './coalescer.js';

/** Feeds `count` chunks of one message each, `everyMs` apart; tells how many asked for a pause. */
function pauses(coalescer: Coalescer, count: number, everyMs: number, fromMs = 0): number {
  let asked = 0;
  for (let index = 0; index < count; index += 1) {
    if (coalescer.shouldPause(300, 1, fromMs + index * everyMs)) asked += 1;
  }
  return asked;
}

describe('Coalescer', () => {
  it('takes a chunk that comes alone at once', () => {
    expect(new Coalescer().shouldPause(300, 1, 0)).toBe(false);
  });

  it('does not wait on 1,000 single-row commits a second, three messages each', () => {
    expect(pauses(new Coalescer(), 9_000, 1 / 3)).toBe(0);
  });

  it('does not wait on 1,000 commits a second of twelve messages that come in a burst', () => {
    const coalescer = new Coalescer();
    for (let commit = 0; commit < 200; commit += 1) expect(pauses(coalescer, 12, 0.01, commit * 6)).toBe(0);
  });

  it('waits once small chunks come faster than 5,000 a second', () => {
    const coalescer = new Coalescer();
    expect(pauses(coalescer, 25, 0.1)).toBe(1);
    expect(coalescer.shouldPause(8_000, 40, 3)).toBe(true);
    expect(coalescer.shouldPause(20_000, 90, 4)).toBe(true);
  });

  it('reads on after a large chunk and waits again after the next small one', () => {
    const coalescer = new Coalescer();
    pauses(coalescer, 25, 0.1);
    expect(coalescer.shouldPause(60_000, 200, 3)).toBe(false);
    expect(coalescer.shouldPause(8_000, 40, 4)).toBe(true);
  });

  it('stops waiting when a gulp held little', () => {
    const coalescer = new Coalescer();
    pauses(coalescer, 25, 0.1);
    expect(coalescer.shouldPause(900, 3, 4)).toBe(false);
    expect(coalescer.shouldPause(900, 3, 5)).toBe(false);
  });

  it('never waits on a few large messages, as of a table of megabyte rows', () => {
    const coalescer = new Coalescer();
    for (let index = 0; index < 1_000; index += 1) expect(coalescer.shouldPause(65_536, 0, index * 0.05)).toBe(false);
  });
});
