import { describe, expect, it } from 'vitest';
import { EventWindow } from './event-window.js';
import { EventMaker } from './testing/outgoing-events.js';

describe('EventWindow', () => {
  it('holds events by seq and moves its head over what is settled, in any order', () => {
    const window = new EventWindow();
    for (const event of new EventMaker('app').batch(4)) window.push(event);
    expect([window.head, window.end]).toEqual([1, 5]);
    expect(window.settle(2)).toBe(true);
    expect(window.head).toBe(1);
    expect(window.at(2)).toBeUndefined();
    expect(window.settle(1)).toBe(true);
    expect(window.head).toBe(3);
    expect(window.settle(2)).toBe(false);
    expect(window.settle(9)).toBe(false);
    expect([window.settle(3), window.settle(4), window.isEmpty]).toEqual([true, true, true]);
  });

  it('keeps everything when it grows, also around the end of its buffer', () => {
    const window = new EventWindow();
    const maker = new EventMaker('app');
    for (let i = 0; i < 1000; i++) {
      window.push(maker.next());
      window.settle(i + 1);
    }
    const held = maker.batch(5000);
    for (const event of held) window.push(event);
    window.markSent(1500, 42);
    for (const event of maker.batch(20_000)) window.push(event);
    expect(held.every((event) => window.at(event.seq) === event)).toBe(true);
    expect(window.sentAtMs(1500)).toBe(42);
    expect([window.head, window.end]).toEqual([1001, 26_001]);
  });

  it('refuses a gap in the sequence', () => {
    const window = new EventWindow();
    const [first, , third] = new EventMaker('app').batch(3);
    if (first === undefined || third === undefined) throw new Error('no events');
    window.push(first);
    expect(() => window.push(third)).toThrow(RangeError);
  });
});
