import { describe, expect, it } from 'vitest';
import { EventWindow } from '../event-window.js';
import { EventMaker } from '../testing/outgoing-events.js';
import { StandingClock } from '../testing/standing-clock.js';
import { MAX_EVENTS, Wire } from './wire.js';

function fixture(count: number) {
  const clock = new StandingClock();
  const window = new EventWindow();
  const overdue: number[] = [];
  const wire = new Wire(window, clock, 100, (waitedMs) => overdue.push(waitedMs));
  const events = new EventMaker('app').batch(count);
  for (const event of events) {
    window.push(event);
    wire.add(event, clock.now());
  }
  return { clock, window, wire, events, overdue };
}

describe('Wire', () => {
  it('knows each message by its tag, once', () => {
    const { wire, events } = fixture(5);
    expect(wire.take(3)).toBe(events[2]);
    expect(wire.take(3)).toBeUndefined();
    expect(wire.firstTag).toBe(1);
    expect(wire.take(1)).toBe(events[0]);
    expect(wire.take(2)).toBe(events[1]);
    expect(wire.firstTag).toBe(4);
    expect(wire.take(6)).toBeUndefined();
    expect(wire.isIdle).toBe(false);
  });

  it('is full when the oldest of so many is unconfirmed, whatever is confirmed behind it', () => {
    const { wire } = fixture(MAX_EVENTS);
    expect(wire.isFull).toBe(true);
    wire.take(2);
    expect(wire.isFull).toBe(true);
    wire.take(1);
    expect(wire.isFull).toBe(false);
  });

  it('marks returned messages, one after the other', () => {
    const { wire, events } = fixture(6);
    for (const seq of [2, 5]) expect(wire.markReturned((event) => event.seq === seq)).toBe(events[seq - 1]);
    const returned = [1, 2, 3, 4, 5, 6].filter((tag) => wire.take(tag) !== undefined && wire.wasReturned(tag));
    expect(returned).toEqual([2, 5]);
  });

  it('says when the oldest waits too long, but not while the broker has an alarm', () => {
    const { clock, wire, overdue } = fixture(1);
    wire.suspend(true);
    clock.pass(100);
    clock.pass(100);
    wire.suspend(false);
    clock.pass(90);
    expect(overdue).toEqual([]);
    clock.pass(100);
    expect(overdue).toHaveLength(1);
  });

  it('times what is on the wire, not an older event that waits for its turn', () => {
    const { clock, wire, window, overdue } = fixture(2);
    window.markSent(1, 0);
    wire.take(1);
    clock.pass(50);
    expect(overdue).toEqual([]);
    clock.pass(50);
    expect(overdue).toEqual([100]);
  });

  it('tells who waits when nothing is left', async () => {
    const { wire } = fixture(2);
    const idle = wire.whenIdle();
    wire.take(1);
    wire.take(2);
    wire.wakeWhenIdle();
    await idle;
    expect(wire.isIdle).toBe(true);
  });
});
