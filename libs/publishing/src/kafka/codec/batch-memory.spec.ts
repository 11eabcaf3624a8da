import { describe, expect, it } from 'vitest';
import { BatchMemory } from './batch-memory.js';

describe('BatchMemory', () => {
  it('gives back the same memory again', () => {
    const memory = new BatchMemory();
    const first = memory.take(100);
    memory.giveBack(first.subarray(0, 10));
    expect(memory.take(100).buffer).toBe(first.buffer);
  });

  it('never lends the same memory twice', () => {
    const memory = new BatchMemory();
    const first = memory.take();
    memory.giveBack(first);
    memory.giveBack(first);
    expect(memory.take().buffer).not.toBe(memory.take().buffer);
  });

  it('takes nothing that is not its own', () => {
    const memory = new BatchMemory();
    const pooled = Buffer.from('a small buffer shares its memory with others');
    memory.giveBack(pooled);
    expect(memory.take(1).buffer).not.toBe(pooled.buffer);
  });

  it('keeps what was written when it grows', () => {
    const memory = new BatchMemory();
    const small = memory.take(10);
    small.write('0123456789');
    const larger = memory.grow(small, 10, 100_000);
    expect(larger.length).toBeGreaterThanOrEqual(100_000);
    expect(larger.toString('latin1', 0, 10)).toBe('0123456789');
  });

  it('lends enough, whatever was given back', () => {
    const memory = new BatchMemory();
    memory.giveBack(memory.take(10));
    expect(memory.take(1_000_000).length).toBeGreaterThanOrEqual(1_000_000);
  });
});
