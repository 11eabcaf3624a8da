import { describe, expect, it } from 'vitest';
import { EventMaker } from '../testing/outgoing-events.js';
import { KeyedOrderProof, TotalOrderProof } from './order-proof.js';

const event = (key: string, barrier = false) => new EventMaker('app').next({ key, barrier });

describe('TotalOrderProof', () => {
  it('refuses a sequence at or before an earlier one', () => {
    const proof = new TotalOrderProof();
    expect([5, 6, 6, 3, 7].map((seq) => proof.accept(event('k'), seq))).toEqual([true, true, false, false, true]);
    proof.raise(20);
    expect([20, 21].map((seq) => proof.accept(event('k'), seq))).toEqual([false, true]);
  });
});

describe('KeyedOrderProof', () => {
  it('compares within a key', () => {
    const proof = new KeyedOrderProof();
    expect(proof.accept(event('a'), 10)).toBe(true);
    expect(proof.accept(event('b'), 5)).toBe(true);
    expect(proof.accept(event('a'), 9)).toBe(false);
    expect(proof.accept(event('a'), 11)).toBe(true);
  });

  it('compares a barrier with everything before and after it', () => {
    const proof = new KeyedOrderProof();
    proof.accept(event('a'), 10);
    expect(proof.accept(event('t', true), 9)).toBe(false);
    expect(proof.accept(event('t', true), 12)).toBe(true);
    expect(proof.accept(event('b'), 11)).toBe(false);
    expect(proof.accept(event('b'), 13)).toBe(true);
  });
});
