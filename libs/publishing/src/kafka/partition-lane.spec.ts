import { describe, expect, it } from 'vitest';
import { PartitionLane } from './partition-lane.js';

const lane = () => new PartitionLane('app.items', 0, 1);

function settled(of: PartitionLane, count: number, nowMs = 0): readonly number[] {
  const seqs: number[] = [];
  of.stored(count, nowMs, (seq) => seqs.push(seq));
  return seqs;
}

describe('PartitionLane', () => {
  it('gives back what is stored in the order of the batches, however much waits behind them', () => {
    const it = lane();
    for (let seq = 1; seq <= 1000; seq++) it.append(seq * 3);
    it.take(10);
    it.take(300);
    for (let seq = 1001; seq <= 3000; seq++) it.append(seq * 3);
    expect(it.waiting).toBe(2690);
    expect(it.waitingAt(0)).toBe(311 * 3);
    expect(it.firstOnWire).toBe(3);
    expect(settled(it, 10)).toEqual(Array.from({ length: 10 }, (_, i) => (i + 1) * 3));
    expect(it.firstOnWire).toBe(33);
    expect(settled(it, 300).at(-1)).toBe(310 * 3);
    it.take(2690);
    expect(settled(it, 2690).at(-1)).toBe(9000);
    expect(it.isEmpty).toBe(true);
  });

  it('counts sequence numbers per batch and goes on with 0 after 2^31 - 1', () => {
    const it = lane();
    for (let seq = 1; seq <= 10; seq++) it.append(seq);
    it.take(4);
    expect(it.nextSequence).toBe(4);
    it.nextSequence = 0x7fffffff - 1;
    it.take(3);
    expect(it.nextSequence).toBe(1);
  });

  it('sends one batch alone until the partition has stored one of this identity, and after a long rest', () => {
    const it = lane();
    for (let seq = 1; seq <= 10; seq++) it.append(seq);
    expect(it.maySend(0)).toBe(true);
    it.take(1);
    expect(it.maySend(0)).toBe(false);
    settled(it, 1, 1000);
    it.take(1);
    expect(it.maySend(1000)).toBe(true);
    expect(it.maySend(62_000)).toBe(false);
    it.clear();
    it.append(1);
    it.take(1);
    expect(it.maySend(1000)).toBe(false);
  });
});
