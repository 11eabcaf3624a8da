import fc from 'fast-check';
import type { PlainRecord } from '../record-batch-writer.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  // Lengths about where their varints grow.
  fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 8191, 8192, 20_000).map((length) => new Uint8Array(length).fill(length)),
);
/** kafkajs, which reads them back, keeps headers in an object: what every object has ("toString") confuses it. */
const headerName = fc.string({ maxLength: 20, unit: 'grapheme' }).filter((name) => !(name in {}));
const header = fc.tuple(headerName, fc.option(fc.uint8Array({ maxLength: 80 })));

/** Any record: null keys, empty values, null values, headers with empty names and null values. */
export const randomRecord: fc.Arbitrary<PlainRecord> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(header, { maxLength: 5 }),
});
