import { describe, expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { EventMaker } from '../testing/outgoing-events.js';
import { PipelinedOrder } from './pipelined-order.js';

function given(order: PipelinedOrder): OutgoingEvent[] {
  const events: OutgoingEvent[] = [];
  for (let event = order.next(); event !== undefined; event = order.next()) events.push(event);
  return events;
}

const seqs = (events: readonly OutgoingEvent[]) => events.map((event) => event.seq);

describe('PipelinedOrder', () => {
  it('gives everything in order without waiting', () => {
    const order = new PipelinedOrder();
    for (const event of new EventMaker('app').batch(3000)) order.offer(event);
    expect(seqs(given(order))).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1));
  });

  it('gives a barrier alone', () => {
    const order = new PipelinedOrder();
    for (const event of new EventMaker('app').batch(5, (i) => ({ barrier: i === 2 || i === 3 }))) order.offer(event);
    const first = given(order);
    expect(seqs(first)).toEqual([1, 2]);
    for (const event of first) {
      expect(seqs(given(order))).toEqual([]);
      order.done(event);
    }
    for (const expected of [3, 4]) {
      const [barrier] = given(order);
      expect(barrier?.seq).toBe(expected);
      expect(given(order)).toEqual([]);
      if (barrier !== undefined) order.done(barrier);
    }
    expect(seqs(given(order))).toEqual([5]);
  });

  it('forgets all, also an open barrier', () => {
    const order = new PipelinedOrder();
    const events = new EventMaker('app').batch(2, () => ({ barrier: true }));
    for (const event of events) order.offer(event);
    given(order);
    order.clear();
    expect(given(order)).toEqual([]);
    for (const event of events) order.offer(event);
    expect(seqs(given(order))).toEqual([1]);
  });
});
