import { relationOf, tupleOf, UNCHANGED } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { compileRowPlan, type RowPlanOptions } from './row-plan.js';
import { measureRow, RowWriter, textLength } from './row-writer.js';
import { bodyOf, EventHarness } from './testing/event-harness.js';

const OPTIONS: RowPlanOptions = {
  route: { schema: 'public', table: 'things', topic: 'topic' },
  tags: undefined,
  excludedColumn: () => false,
  keyColumns: [],
  needsKeys: true,
};

/** Braces, field names and commit time of a body are reckoned with this many bytes. */
const FRAME = 160;

describe('the room reserved for a row', () => {
  it.each([0, 1, 2, 200])('is hardly more than the longest body of %i columns takes', (width) => {
    for (const pad of [1, 60]) {
      const columns = Array.from({ length: width }, (_, index) => [`${index}`.padStart(pad, 'x'), 25, 'key'] as const);
      const harness = new EventHarness(relationOf(columns, { replicaIdentity: 'f' }));
      const all = <T>(value: T) => columns.map(() => value);
      const longest = bodyOf(harness.update(all(UNCHANGED), 'full', all('')));
      const spare = harness.plan.fixedBytes - Buffer.byteLength(longest);
      expect(spare).toBeGreaterThanOrEqual(0);
      // The list of what was not resent has no colons, and quotes are shorter than null in both rows.
      expect(spare).toBeLessThan(FRAME + 5 * width);
    }
  });

  it('holds the tags too', () => {
    const tags = new Map([['note', 'x'.repeat(1000)]]);
    expect(bodyOf(new EventHarness(relationOf([['a', 25]]), { tags }).insert(['1']))).toContain('x'.repeat(1000));
  });

  it('of a large row is what the row takes and a few bytes for each column', () => {
    const columns = Array.from({ length: 300 }, (_, index) => [`${index}`.padStart(60, 'x'), 25, 'key'] as const);
    const harness = new EventHarness(relationOf(columns, { replicaIdentity: 'f' }));
    const all = (value: string | typeof UNCHANGED) => columns.map(() => value);
    const text = 'x'.repeat(1000);
    for (const event of [
      harness.insert(all(text)),
      harness.update(all(UNCHANGED), 'full', all(text)),
      harness.delete('full', all(text)),
    ]) {
      const spare = event.slab.length - Buffer.byteLength(bodyOf(event));
      // The names once more for the list of what was not resent.
      const names = event.action === 'UPDATE' ? 0 : harness.plan.names.length;
      expect(spare).toBeLessThan(FRAME + names + 24 * columns.length);
    }
  });
});

describe('the measure of a row', () => {
  const relation = relationOf([
    ['id', 20, 'key'],
    ['note', 25],
    ['extra', 3802],
  ]);
  const plan = compileRowPlan(relation, OPTIONS);
  const measured = (values: Parameters<typeof tupleOf>[0], old?: Parameters<typeof tupleOf>[0]) => {
    const [tuple, oldRow] = [tupleOf(values), old === undefined ? undefined : tupleOf(old)];
    const rows = new RowWriter();
    rows.reset(plan);
    const written = rows.writeNew(plan, tuple, oldRow, Buffer.alloc(10_000), 0);
    return measureRow(plan, tuple, oldRow) - written;
  };

  it.each([
    ['without text', [null, null, null], undefined, 1],
    ['with text', ['1', 'a"\n', '{}'], undefined, 1 + 6 + 4],
    ['with text from the old row', [UNCHANGED, UNCHANGED, UNCHANGED], ['1', 'abc', '{}'], 1 + 6 + 4],
    ['with an old row that is not needed', ['1', 'abc', '{}'], ['1', '', '{"long": 1}'], 1 + 6 + 4],
    ['with an unchanged column and no old row', ['1', UNCHANGED, null], undefined, 1 + 6 + 12],
    ['with unchanged columns in both', ['1', UNCHANGED, null], ['1', UNCHANGED, null], 1 + 6 + 4 + 8],
  ] as const)('%s is little more than what is written', (_, values, old, spare) => {
    expect(measured(values, old)).toBe(spare);
  });

  it('counts the bytes of its text', () => {
    expect(textLength(tupleOf(['1', null, 'abc', UNCHANGED, 'ñ']))).toBe(6);
    expect(textLength(tupleOf([]))).toBe(0);
  });
});
