import { describe, expect, it } from 'vitest';
import { Slabs } from './slabs.js';

describe('slabs', () => {
  it('keeps committed bytes until they are released, at any size', () => {
    const slabs = new Slabs();
    const written: { view: Buffer; value: number; length: number }[] = [];
    const sizes = [0, 1, 100, 4096, 40_000, 65_536, 65_537, 200_000, 262_144, 262_145, 1_000_000];
    for (let round = 0; round < 400; round += 1) {
      const reserved = sizes[(round * 7) % sizes.length];
      slabs.reserve(reserved);
      const length = Math.floor(reserved * ((round % 5) / 4));
      const value = round % 256;
      const { slab, start } = slabs;
      expect(slab.length - start).toBeGreaterThanOrEqual(reserved);
      slab.fill(value, start, start + length);
      slabs.commit(start + length, round);
      written.push({ view: slab.subarray(start, start + length), value, length });
    }
    for (const { view, value, length } of written) {
      expect(view.equals(Buffer.alloc(length, value))).toBe(true);
    }
  });

  it('gives an uncommitted reservation up', () => {
    const slabs = new Slabs();
    slabs.reserve(100);
    const { slab, start } = slabs;
    slabs.reserve(100);
    expect(slabs.slab).toBe(slab);
    expect(slabs.start).toBe(start);
  });

  it('goes on in the shared slab after a large reservation', () => {
    const slabs = new Slabs();
    slabs.reserve(10);
    const { slab, start } = slabs;
    slabs.commit(start + 10, 1);
    slabs.reserve(500_000);
    expect(slabs.slab).not.toBe(slab);
    expect(slabs.slab.length).toBe(500_000);
    slabs.commit(500_000, 2);
    slabs.reserve(10);
    expect(slabs.slab).toBe(slab);
    expect(slabs.start).toBe(start + 10);
  });

  it('refuses more than was reserved', () => {
    const slabs = new Slabs();
    slabs.reserve(500_000);
    expect(() => slabs.commit(500_003, 1)).toThrow(new RangeError('wrote 3 bytes past the reserved room'));
    slabs.reserve(10);
    expect(() => slabs.commit(slabs.start + 11, 1)).toThrow(RangeError);
  });

  it('uses a slab again once all its events were released, and not a moment earlier', () => {
    const slabs = new Slabs();
    const seen: Buffer[] = [];
    const write = (seq: number) => {
      slabs.reserve(60_000);
      if (seen.at(-1) !== slabs.slab) seen.push(slabs.slab);
      slabs.commit(slabs.start + 60_000, seq);
    };
    // Four events fill a slab.
    for (let seq = 1; seq <= 9; seq += 1) write(seq);
    expect(seen).toHaveLength(3);
    slabs.release(4);
    for (let seq = 10; seq <= 13; seq += 1) write(seq);
    expect(seen[3]).not.toBe(seen[0]);
    slabs.release(5);
    for (let seq = 14; seq <= 17; seq += 1) write(seq);
    expect(seen[4]).toBe(seen[0]);
  });

  it('keeps no more than sixteen released slabs', () => {
    const slabs = new Slabs();
    let seq = 0;
    const nextSlab = () => {
      slabs.reserve(65_536);
      const { slab } = slabs;
      for (let quarter = 0; quarter < 4; quarter += 1) {
        slabs.reserve(65_536);
        expect(slabs.slab).toBe(slab);
        slabs.commit(slabs.start + 65_536, ++seq);
      }
      return slab;
    };
    const first = new Set(Array.from({ length: 41 }, nextSlab));
    expect(first.size).toBe(41);
    slabs.release(seq + 1);
    const second = Array.from({ length: 40 }, nextSlab);
    expect(second.filter((slab) => first.has(slab))).toHaveLength(16);
    expect(new Set(second).size).toBe(40);
  });
});
