import { AppError } from '#lib/kernel';
import { TUPLE_NULL, TUPLE_TEXT, TUPLE_UNCHANGED, type Tuple } from '#lib/pgoutput';
import { INVALID, maxValueLength, writeValue } from './column-encoders.js';
import type { RowPlan } from './row-plan.js';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COLON_AND_COMMA = 2;
const NO_KEY = -1;
export const NULL_LENGTH = 4;

/** Writes tuples as JSON objects and remembers what the event still needs to know about them. Reused for every row. */
export class RowWriter {
  /** Where the ordering key's column was written; keyStart is negative when it was not. */
  keyStart = NO_KEY;
  keyEnd = 0;
  /** Published columns that an UPDATE did not resend. */
  private unchanged = new Int32Array(64);
  private unchangedCount = 0;

  /** Forgets the last row. */
  reset(plan: RowPlan): void {
    this.keyStart = NO_KEY;
    this.unchangedCount = 0;
    const width = plan.publishedIndexes.length;
    if (width > this.unchanged.length) this.unchanged = new Int32Array(width * 2);
  }

  /**
   * Writes the new row at `at` and returns the offset after it. Columns that were not resent come from `oldRow` when
   * there is one, else they are left out.
   */
  writeNew(plan: RowPlan, tuple: Tuple, oldRow: Tuple | undefined, out: Buffer, at: number): number {
    const { publishedIndexes, names, nameOffsets, keyInBody } = plan;
    const { kinds } = tuple;
    const open = at;
    for (let column = 0; column < publishedIndexes.length; column += 1) {
      const index = publishedIndexes[column];
      let source = tuple;
      if (kinds[index] === TUPLE_UNCHANGED) {
        this.unchanged[this.unchangedCount++] = column;
        // NULL is never out of line: then this is no whole row, but the key of a partition with another replica identity
        // than the root that it is published as.
        if (oldRow === undefined || oldRow.kinds[index] !== TUPLE_TEXT) continue;
        source = oldRow;
      }
      const nameEnd = nameOffsets[column + 1];
      for (let name = nameOffsets[column]; name < nameEnd; name += 1) out[at++] = names[name];
      const valueStart = at;
      at = writeColumn(plan, column, source, index, out, at);
      if (column === keyInBody) {
        this.keyStart = valueStart;
        this.keyEnd = at;
      }
    }
    return closeObject(out, open, at);
  }

  /** Writes the old row at `at`, or only its replica identity columns, and returns the offset after it. */
  writeOld(plan: RowPlan, tuple: Tuple, identityOnly: boolean, out: Buffer, at: number): number {
    const { publishedIndexes, publishedInIdentity, names, nameOffsets, keyInBody } = plan;
    const open = at;
    for (let column = 0; column < publishedIndexes.length; column += 1) {
      const index = publishedIndexes[column];
      if (identityOnly && publishedInIdentity[column] === 0) continue;
      if (tuple.kinds[index] === TUPLE_UNCHANGED) continue;
      const nameEnd = nameOffsets[column + 1];
      for (let name = nameOffsets[column]; name < nameEnd; name += 1) out[at++] = names[name];
      const valueStart = at;
      at = writeColumn(plan, column, tuple, index, out, at);
      // The new row's key wins; DELETE has none, and a key that was not resent is here.
      if (column === keyInBody && this.keyStart < 0) {
        this.keyStart = valueStart;
        this.keyEnd = at;
      }
    }
    return closeObject(out, open, at);
  }

  /** Writes the names of the columns that were not resent, comma separated. */
  writeUnchanged(plan: RowPlan, out: Buffer, at: number): number {
    for (let entry = 0; entry < this.unchangedCount; entry += 1) {
      const column = this.unchanged[entry];
      // The piece is `,"name":`: without the colon, and for the first one without the comma.
      const from = plan.nameOffsets[column] + (entry === 0 ? 1 : 0);
      const to = plan.nameOffsets[column + 1] - 1;
      for (let name = from; name < to; name += 1) out[at++] = plan.names[name];
    }
    return at;
  }
}

/** Bytes of text in a tuple. */
export function textLength(tuple: Tuple): number {
  let length = 0;
  for (let index = 0; index < tuple.count; index += 1) {
    length += tuple.ends[index] - tuple.starts[index];
  }
  return length;
}

/**
 * Bytes that a row's published columns take as a JSON object: never too few, at most a few per column too many. Reads
 * all of the text. `oldRow` fills in what was not resent, as in writeNew.
 */
export function measureRow(plan: RowPlan, tuple: Tuple, oldRow: Tuple | undefined): number {
  const { publishedIndexes, publishedEncodings } = plan;
  let length = COLON_AND_COMMA + plan.names.length;
  for (let column = 0; column < publishedIndexes.length; column += 1) {
    const index = publishedIndexes[column];
    const source = oldRow !== undefined && tuple.kinds[index] === TUPLE_UNCHANGED ? oldRow : tuple;
    length +=
      source.kinds[index] === TUPLE_TEXT
        ? maxValueLength(publishedEncodings[column], source.buffer, source.starts[index], source.ends[index])
        : NULL_LENGTH;
  }
  return length;
}

function writeColumn(plan: RowPlan, column: number, source: Tuple, index: number, out: Buffer, at: number): number {
  if (source.kinds[index] === TUPLE_NULL) return writeNull(out, at);
  const { starts, ends, buffer } = source;
  const end = writeValue(plan.publishedEncodings[column], out, at, buffer, starts[index], ends[index]);
  if (end === INVALID) failValue(plan, index);
  return end;
}

export function writeNull(out: Buffer, at: number): number {
  out[at] = 0x6e;
  out[at + 1] = 0x75;
  out[at + 2] = 0x6c;
  out[at + 3] = 0x6c;
  return at + NULL_LENGTH;
}

/** The members begin with a comma each: the first one becomes the brace. */
function closeObject(out: Buffer, open: number, at: number): number {
  out[open] = OPEN_BRACE;
  if (at === open) at += 1;
  out[at] = CLOSE_BRACE;
  return at + 1;
}

/** Throws for a value that its type never prints, naming the column and never the value. */
export function failValue(plan: RowPlan, index: number): never {
  const { schema, table, columns } = plan.relation;
  const column = columns[index];
  throw new AppError('PROTOCOL', `${schema}.${table}.${column.name}: the text is not of type OID ${column.typeOid}`, {
    facts: { schema, table, column: column.name, typeOid: column.typeOid },
  });
}
