import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from './murmur2.js';

const kafkajsMurmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
  key: Buffer,
) => number;

describe('murmur2', () => {
  it.each([
    // From Kafka's own tests (org.apache.kafka.common.utils.UtilsTest).
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Java says', (text, expected) => {
    const bytes = Buffer.from(text);
    expect(murmur2(bytes, 0, bytes.length)).toBe(expected);
  });

  it('agrees with kafkajs for any bytes, wherever they lie', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(5), (key, offset) => {
        const around = Buffer.alloc(offset + key.length + 2, 0xee);
        around.set(key, offset);
        expect(murmur2(around, offset, offset + key.length)).toBe(kafkajsMurmur2(Buffer.from(key)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('partitionOf', () => {
  it('drops the sign as Java does', () => {
    const key = Buffer.from('foobar');
    expect(partitionOf(key, 0, key.length, 1000)).toBe((-790332482 & 0x7fffffff) % 1000);
  });

  it('is a partition', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 1, max: 1000 }), (key, partitions) => {
        const partition = partitionOf(key, 0, key.length, partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
      }),
    );
  });
});
