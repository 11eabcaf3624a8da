import { TUPLE_NULL, TUPLE_TEXT, TUPLE_UNCHANGED, type Tuple, type UpdateMessage } from '#lib/pgoutput';
import { INVALID, maxValueLength, writeValue } from './column-encoders.js';
import type { RowPlan } from './row-plan.js';
import { failValue, NULL_LENGTH, writeNull } from './row-writer.js';

/**
 * Writes the ordering key at `at`: the JSON value of a single column, else an array of them. A column that was not
 * resent comes from `oldRow`; what no tuple has is null. Returns the offset after it.
 */
export function writeKey(plan: RowPlan, tuple: Tuple, oldRow: Tuple | undefined, out: Buffer, at: number): number {
  const { keyIndexes, keyEncodings } = plan;
  const many = keyIndexes.length > 1;
  if (many) out[at++] = 0x5b;
  for (let key = 0; key < keyIndexes.length; key += 1) {
    if (key > 0) out[at++] = 0x2c;
    const index = keyIndexes[key];
    const source = sourceOf(tuple, oldRow, index);
    if (source.kinds[index] !== TUPLE_TEXT) {
      at = writeNull(out, at);
    } else {
      at = writeValue(keyEncodings[key], out, at, source.buffer, source.starts[index], source.ends[index]);
      if (at === INVALID) failValue(plan, index);
    }
  }
  if (many) out[at++] = 0x5d;
  return at;
}

/** Bytes that writeKey writes, at most. */
export function maxKeyLength(plan: RowPlan, tuple: Tuple, oldRow: Tuple | undefined): number {
  let length = 2;
  for (let key = 0; key < plan.keyIndexes.length; key += 1) {
    const index = plan.keyIndexes[key];
    const source = sourceOf(tuple, oldRow, index);
    length +=
      1 +
      (source.kinds[index] === TUPLE_TEXT
        ? maxValueLength(plan.keyEncodings[key], source.buffer, source.starts[index], source.ends[index])
        : NULL_LENGTH);
  }
  return length;
}

/** Whether an UPDATE shows that the row had another ordering key before. */
export function keyChanged(plan: RowPlan, message: UpdateMessage): boolean {
  if (message.oldKind === 'none') return false;
  for (let key = 0; key < plan.keyIndexes.length; key += 1) {
    // A key tuple holds null for every column outside of the replica identity: that says nothing about them.
    if (message.oldKind === 'key' && plan.keyInIdentity[key] === 0) continue;
    if (differs(message.oldTuple, message.newTuple, plan.keyIndexes[key])) return true;
  }
  return false;
}

function differs(before: Tuple, after: Tuple, index: number): boolean {
  const kindBefore = before.kinds[index];
  const kindAfter = after.kinds[index];
  if (kindBefore === TUPLE_UNCHANGED || kindAfter === TUPLE_UNCHANGED) return false;
  if (kindBefore === TUPLE_NULL || kindAfter === TUPLE_NULL) return kindBefore !== kindAfter;
  const length = before.ends[index] - before.starts[index];
  if (after.ends[index] - after.starts[index] !== length) return true;
  const from = before.starts[index];
  const to = after.starts[index];
  for (let offset = 0; offset < length; offset += 1) {
    if (before.buffer[from + offset] !== after.buffer[to + offset]) return true;
  }
  return false;
}

function sourceOf(tuple: Tuple, oldRow: Tuple | undefined, index: number): Tuple {
  return oldRow !== undefined && tuple.kinds[index] === TUPLE_UNCHANGED ? oldRow : tuple;
}
