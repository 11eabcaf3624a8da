import { describe, expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { EventMaker, type TestEventOptions } from '../testing/outgoing-events.js';
import { BucketLanes, type Lane } from './bucket-lanes.js';

const lanesOf = (buckets: number) => new BucketLanes(buckets, true, (topic) => `projects/p/topics/${topic}`);

function offer(lanes: BucketLanes, options: readonly TestEventOptions[]): readonly OutgoingEvent[] {
  const maker = new EventMaker('app');
  const events = options.map((one) => maker.next(one));
  for (const event of events) lanes.offer(event);
  return events;
}

/** How long all arrays are together that can be reached from here. */
function slotsWithin(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || seen.has(value)) return 0;
  seen.add(value);
  let slots = Array.isArray(value) ? value.length : 0;
  for (const part of value instanceof Map ? value.values() : Object.values(value)) slots += slotsWithin(part, seen);
  return slots;
}

/** Takes the next lane and all its events. */
function take(lanes: BucketLanes): { readonly lane: Lane; readonly seqs: readonly (number | undefined)[] } | undefined {
  const lane = lanes.next();
  if (lane === undefined) return undefined;
  lane.outCount = lane.length;
  return { lane, seqs: lane.queue.slice(lane.from).map((event) => event?.seq) };
}

function taken(lanes: BucketLanes) {
  const one = take(lanes);
  if (one === undefined) throw new Error('no lane is ready');
  return one;
}

describe('bucket lanes', () => {
  it('gives each topic and bucket a lane, and its number as ordering key', () => {
    const lanes = lanesOf(4);
    offer(lanes, [{ key: 'a' }, { key: 'a', table: 'orders' }, { key: 'a' }]);
    const [first, second] = [taken(lanes), taken(lanes)];
    expect([first.seqs, second.seqs]).toEqual([[1, 3], [2]]);
    expect([first.lane.topic, second.lane.topic]).toEqual(['app.public_items', 'app.public_orders']);
    expect(first.lane.orderingKey.toString()).toMatch(/^[0-3]$/);
    expect(first.lane.topicPath.toString()).toBe('projects/p/topics/app.public_items');
    expect(take(lanes)).toBeUndefined();
  });

  it('gives no lane out again before its events are settled', () => {
    const lanes = lanesOf(1);
    const maker = new EventMaker('app');
    lanes.offer(maker.next());
    const { lane } = taken(lanes);
    lanes.offer(maker.next());
    expect(take(lanes)).toBeUndefined();
    lanes.settled(lane, 1);
    expect(taken(lanes).seqs).toEqual([2]);
  });

  it('gives a lane that failed out from its first unsettled event on, once it is released', () => {
    const lanes = lanesOf(1);
    const maker = new EventMaker('app');
    for (let i = 0; i < 3; i++) lanes.offer(maker.next());
    const { lane } = taken(lanes);
    lanes.wait(lane);
    lanes.offer(maker.next());
    expect(take(lanes)).toBeUndefined();
    lanes.release(lane);
    expect(taken(lanes).seqs).toEqual([1, 2, 3, 4]);
  });

  it('sends a barrier alone, after all before it and before all after it', () => {
    const lanes = lanesOf(16);
    offer(lanes, [{ key: 'a' }, { key: 'b' }, { key: 'c', barrier: true }, { key: 'd', barrier: true }, { key: 'e' }]);
    const [a, b] = [taken(lanes), taken(lanes)];
    lanes.settled(a.lane, 1);
    expect(take(lanes)).toBeUndefined();
    lanes.settled(b.lane, 1);
    for (const seq of [3, 4, 5]) {
      const one = taken(lanes);
      expect(one.seqs).toEqual([seq]);
      expect(take(lanes)).toBeUndefined();
      expect(lanes.isEmpty).toBe(false);
      lanes.settled(one.lane, 1);
    }
    expect(lanes.isEmpty).toBe(true);
  });

  it('puts another event in the place of one that cannot be sent', () => {
    const lanes = lanesOf(16);
    const [bad] = offer(lanes, [{ key: 'a' }, { key: 'a' }]);
    if (bad === undefined) throw new Error('no event');
    const { lane } = taken(lanes);
    lanes.wait(lane);
    lanes.replaceFirst(lane, { ...bad, route: { ...bad.route, topic: 'app.dead_letter' } });
    expect(taken(lanes).seqs).toEqual([2]);
    const letter = taken(lanes);
    expect([letter.lane.topic, letter.seqs]).toEqual(['app.dead_letter', [1]]);
    expect(letter.lane.orderingKey.equals(lane.orderingKey)).toBe(true);
    lanes.settled(letter.lane, 1);
    expect(lanes.isEmpty).toBe(false);
    lanes.settled(lane, 1);
    expect(lanes.isEmpty).toBe(true);
  });

  it('keeps a long queue in order while its front is let go of', () => {
    const lanes = lanesOf(1);
    const maker = new EventMaker('app');
    let expected = 1;
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 100; i++) lanes.offer(maker.next());
      const lane = lanes.next();
      if (lane === undefined) throw new Error('no lane is ready');
      expect(lane.queue[lane.from]?.seq).toBe(expected);
      lanes.settled(lane, 90);
      expected += 90;
    }
    expect(lanes.next()?.length).toBe(500);
  });

  it('keeps nothing of what is settled while barriers wait without end', () => {
    const lanes = lanesOf(1);
    const maker = new EventMaker('app');
    for (let i = 0; i < 3; i++) lanes.offer(maker.next({ barrier: true }));
    for (let i = 1; i <= 10_000; i++) {
      lanes.offer(maker.next({ barrier: true }));
      const { lane, seqs } = taken(lanes);
      expect(seqs).toEqual([i]);
      lanes.settled(lane, 1);
    }
    expect(slotsWithin(lanes)).toBeLessThan(3000);
  });

  it('keeps nothing of what is settled while more lanes are ready than are taken', () => {
    const lanes = lanesOf(2);
    const maker = new EventMaker('app');
    for (const table of ['items', 'orders', 'users']) lanes.offer(maker.next({ table }));
    for (let i = 0; i < 10_000; i++) {
      const lane = lanes.next();
      if (lane === undefined) throw new Error('no lane is ready');
      lanes.wait(lane);
      lanes.release(lane);
    }
    expect(slotsWithin(lanes)).toBeLessThan(3000);
  });
});
