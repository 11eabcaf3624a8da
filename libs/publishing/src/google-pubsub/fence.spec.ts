import { describe, expect, it } from 'vitest';
import { StandingClock } from '../testing/standing-clock.js';
import { Lane } from './bucket-lanes.js';
import { Fence, type PubsubMemory } from './fence.js';

const REQUEST_MS = 10_000;
const lane = () => new Lane('app.public_items', Buffer.from('path'), Buffer.from('1'));

function setUp(memory: PubsubMemory = { unsettled: false, aliveAtMs: undefined, admitted: true }) {
  const clock = new StandingClock();
  const released: Lane[] = [];
  const fence = new Fence(REQUEST_MS, clock, memory, (lanes) => released.push(...lanes));
  return { clock, fence, memory, released };
}

describe('the fence before a lane whose request may still be stored', () => {
  it('stands for the whole time of a request from the first sign of life on, however short the silence was', () => {
    const { clock, fence, released } = setUp();
    const held = lane();
    fence.holdLost(held);
    clock.pass(100_000);
    expect(released).toEqual([]);
    fence.alive();
    clock.pass(REQUEST_MS - 1);
    expect(released).toEqual([]);
    clock.pass(1);
    expect(released).toEqual([held]);
  });

  it('needs no other sign of life than an answer', () => {
    const { clock, fence, released } = setUp();
    const held = lane();
    fence.holdAnswered(held);
    clock.pass(REQUEST_MS - 1);
    expect(released).toEqual([]);
    clock.pass(1);
    expect(released).toEqual([held]);
  });

  it('is left to the next attempt, which waits only for what is left since the sign of life', async () => {
    const { clock, fence, memory } = setUp();
    fence.holdLost(lane());
    fence.end(false);
    clock.pass(100_000);
    const next = new Fence(REQUEST_MS, clock, memory, () => undefined);
    next.alive();
    clock.pass(REQUEST_MS - 1000);
    let passed = false;
    const passing = next.passed(new AbortController().signal).then(() => (passed = true));
    clock.pass(999);
    await Promise.resolve();
    expect(passed).toBe(false);
    clock.pass(1);
    await passing;
    expect(memory.unsettled).toBe(false);
  });

  it('lets an attempt through at once that opened long before it is its turn', async () => {
    const { clock, fence, memory } = setUp();
    fence.end(true);
    const next = new Fence(REQUEST_MS, clock, memory, () => undefined);
    next.alive();
    clock.pass(REQUEST_MS);
    await next.passed(new AbortController().signal);
    expect(memory.unsettled).toBe(false);
  });

  it('counts from its own sign of life for each attempt that leaves something', async () => {
    const { clock, fence, memory } = setUp({ unsettled: true, aliveAtMs: 0, admitted: true });
    fence.end(true);
    clock.pass(REQUEST_MS);
    const next = new Fence(REQUEST_MS, clock, memory, () => undefined);
    let passed = false;
    const passing = next.passed(new AbortController().signal).then(() => (passed = true));
    clock.pass(REQUEST_MS - 1);
    await Promise.resolve();
    expect(passed).toBe(false);
    clock.pass(1);
    await passing;
  });
});
