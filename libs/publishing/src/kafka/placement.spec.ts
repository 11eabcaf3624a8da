import { describe, expect, it } from 'vitest';
import { EventWindow } from '../event-window.js';
import { EventMaker } from '../testing/outgoing-events.js';
import { type Placed, Placement } from './placement.js';

function setUp(answers: Readonly<Record<number, Placed>> = {}) {
  const window = new EventWindow();
  const placed: number[] = [];
  const halted: number[] = [];
  const placement = new Placement(
    window,
    ({ seq }) => {
      const answer = answers[seq] ?? 'placed';
      if (answer === 'placed') placed.push(seq);
      if (answer === 'settled') window.settle(seq);
      return answer;
    },
    ({ seq }) => halted.push(seq),
  );
  return { window, placement, placed, halted, answers };
}

const maker = () => new EventMaker('app');

describe('Placement', () => {
  it('places a barrier alone: after all before it is settled, and all behind it after that', () => {
    const { window, placement, placed } = setUp();
    for (const event of maker().batch(5, (i) => ({ barrier: i === 2 }))) window.push(event);
    placement.run();
    expect(placed).toEqual([1, 2]);
    window.settle(2);
    placement.run();
    expect(placed).toEqual([1, 2]);
    window.settle(1);
    placement.run();
    placement.run();
    expect(placed).toEqual([1, 2, 3]);
    window.settle(3);
    placement.run();
    expect(placed).toEqual([1, 2, 3, 4, 5]);
    expect(placement.isBehind).toBe(false);
  });

  it('lets nothing pass an event that waits for its topic', () => {
    const answers: Record<number, Placed> = { 2: 'wait' };
    const { window, placement, placed } = setUp(answers);
    for (const event of maker().batch(3)) window.push(event);
    placement.run();
    expect(placed).toEqual([1]);
    delete answers[2];
    placement.run();
    expect(placed).toEqual([1, 2, 3]);
  });

  it('goes past a barrier that was passed over', () => {
    const { window, placement, placed } = setUp({ 1: 'settled' });
    for (const event of maker().batch(2, (i) => ({ barrier: i === 0 }))) window.push(event);
    placement.run();
    expect(placed).toEqual([2]);
  });

  it('ends the service only when all before the event is settled', () => {
    const { window, placement, placed, halted } = setUp({ 3: 'halt' });
    for (const event of maker().batch(4)) window.push(event);
    placement.run();
    window.settle(2);
    placement.run();
    expect(halted).toEqual([]);
    window.settle(1);
    placement.run();
    expect(halted).toEqual([3]);
    expect(placed).toEqual([1, 2]);
  });

  it('places again what is unsettled after a restart, in order, and only that', () => {
    const { window, placement, placed } = setUp();
    for (const event of maker().batch(4)) window.push(event);
    placement.run();
    window.settle(1);
    window.settle(3);
    placed.length = 0;
    placement.restart();
    placement.run();
    expect(placed).toEqual([2, 4]);
  });
});
