import fc from 'fast-check';
import type { PlainRecord } from '../record-batch-writer.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  // Lengths about where their varints grow.
  fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 8191, 8192, 20_000).map((length) => new Uint8Array(length).fill(length)),
);
const header = fc.tuple(fc.string({ maxLength: 20, unit: 'grapheme' }), fc.option(fc.uint8Array({ maxLength: 80 })));

/** Any record: null keys, empty values, null values, headers with empty names and null values. */
export const randomRecord: fc.Arbitrary<PlainRecord> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(header, { maxLength: 5 }),
});
