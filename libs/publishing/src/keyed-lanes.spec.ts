import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { KeyedLanes } from './keyed-lanes.js';
import { EventMaker } from './testing/outgoing-events.js';

const take = (lanes: KeyedLanes): OutgoingEvent[] => {
  const taken: OutgoingEvent[] = [];
  for (let event = lanes.next(); event !== undefined; event = lanes.next()) taken.push(event);
  return taken;
};
const seqs = (events: readonly OutgoingEvent[]) => events.map((event) => event.seq);
const keyOf = (event: OutgoingEvent) => event.keySlab.toString('utf8', event.keyStart, event.keyEnd);

describe('KeyedLanes', () => {
  it('gives one event per key and the next when that is done', () => {
    const lanes = new KeyedLanes();
    const events = new EventMaker('app').batch(5, (i) => ({ key: ['a', 'b', 'a', 'a', 'c'][i] ?? '' }));
    for (const event of events) lanes.offer(event);
    const [first, b] = take(lanes);
    expect(first?.seq).toBe(1);
    if (first === undefined || b === undefined) throw new Error('nothing given');
    lanes.done(b);
    expect(take(lanes)).toEqual([]);
    lanes.done(first);
    expect(seqs(take(lanes))).toEqual([3]);
  });

  it('gives a barrier alone, between what is before and after it', () => {
    const lanes = new KeyedLanes();
    const events = new EventMaker('app').batch(4, (i) => ({ key: `k${i}`, barrier: i === 1 || i === 2 }));
    for (const event of events) lanes.offer(event);
    const given: number[][] = [];
    for (let taken = take(lanes); taken.length > 0; taken = take(lanes)) {
      given.push(seqs(taken));
      for (const event of taken) lanes.done(event);
    }
    expect(given).toEqual([[1], [2], [3], [4]]);
  });

  it('keeps the order of every key and every barrier, whatever is done when', () => {
    const input = fc.array(fc.record({ key: fc.integer({ min: 0, max: 3 }), barrier: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(input, fc.infiniteStream(fc.nat(1000)), (specs, choices) => {
        const maker = new EventMaker('app');
        const lanes = new KeyedLanes();
        const events = specs.map(({ key, barrier }) => maker.next({ key: String(key), barrier: barrier && key === 0 }));
        const waiting = [...events];
        const out: OutgoingEvent[] = [];
        const done = new Set<OutgoingEvent>();
        const choose = (below: number) => (choices.next().value ?? 0) % below;
        while (done.size < events.length) {
          const event = waiting.length > 0 && choose(2) === 0 ? waiting.shift() : undefined;
          if (event !== undefined) lanes.offer(event);
          for (const given of take(lanes)) {
            const earlier = events.slice(0, events.indexOf(given)).filter((one) => !done.has(one));
            const conflicts = earlier.filter((one) => given.barrier || one.barrier || keyOf(one) === keyOf(given));
            expect(conflicts).toEqual([]);
            out.push(given);
          }
          const [next] = out.splice(choose(Math.max(out.length, 1)), 1);
          if (next === undefined) continue;
          done.add(next);
          lanes.done(next);
        }
        expect(lanes.next()).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});
