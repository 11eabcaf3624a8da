import fc from 'fast-check';
import { relationOf, UNCHANGED, type ColumnValue } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { EventHarness, parsedBody } from './testing/event-harness.js';

const anyText = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', ''));
/** Strange names too, but never one that changes an object's prototype when the expectation is built. */
const anyNames = fc.uniqueArray(
  anyText.filter((name) => name !== '' && name !== '__proto__'),
  { minLength: 1, maxLength: 12 },
);
const anyValue: fc.Arbitrary<string | null> = fc.option(anyText);
const anyNewValue: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 4, arbitrary: anyValue },
  { weight: 1, arbitrary: fc.constant(UNCHANGED) },
);

interface Case {
  readonly names: readonly string[];
  readonly isKey: readonly boolean[];
  readonly isExcluded: readonly boolean[];
  readonly newRow: readonly ColumnValue[];
  readonly oldRow: readonly (string | null)[];
  readonly oldKind: 'none' | 'key' | 'full';
}

const anyCase: fc.Arbitrary<Case> = anyNames.chain((names) => {
  const each = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: names.length, maxLength: names.length });
  return fc.record({
    names: fc.constant(names),
    isKey: each(fc.boolean()),
    isExcluded: each(fc.boolean()),
    newRow: each(anyNewValue),
    oldRow: each(anyValue),
    oldKind: fc.constantFrom('none' as const, 'key' as const, 'full' as const),
  });
});

/** What the event's rows must be, built without any of the encoder's code. */
function expected({ names, isKey, isExcluded, newRow, oldRow, oldKind }: Case) {
  const data: Record<string, unknown> = {};
  const dataOld: Record<string, unknown> = {};
  const unchangedToastedValues: string[] = [];
  names.forEach((name, index) => {
    if (isExcluded[index]) return;
    const value = newRow[index];
    if (value !== UNCHANGED) data[name] = value;
    // What is stored out of line is not NULL: an old row that says so does not have the value.
    else if (oldKind === 'full' && oldRow[index] !== null) data[name] = oldRow[index];
    if (value === UNCHANGED) unchangedToastedValues.push(name);
    if (oldKind === 'full' || (oldKind === 'key' && isKey[index])) dataOld[name] = oldRow[index];
  });
  return { data, dataOld, unchangedToastedValues };
}

function harnessFor({ names, isKey, isExcluded }: Case): EventHarness {
  const columns = names.map((name, index) => (isKey[index] ? ([name, 25, 'key'] as const) : ([name, 25] as const)));
  return new EventHarness(relationOf(columns), {
    excludedColumn: (name) => isExcluded[names.indexOf(name)],
    tags: new Map([['a', 'b']]),
  });
}

describe('any row', () => {
  it('as UPDATE parses to what was sent', () => {
    fc.assert(
      fc.property(anyCase, (sent) => {
        const harness = harnessFor(sent);
        harness.insert(sent.oldRow);
        const event = parsedBody(harness.update(sent.newRow, sent.oldKind, sent.oldRow));
        expect(event).toEqual({
          id: event.id,
          schema: 'public',
          table: 'things',
          action: 'UPDATE',
          ...expected(sent),
          commitTime: '2026-03-04T05:06:07.89Z',
          tags: { a: 'b' },
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('as INSERT and DELETE parses to what was sent', () => {
    fc.assert(
      fc.property(anyCase, (sent) => {
        const harness = harnessFor(sent);
        const inserted = expected({ ...sent, newRow: sent.oldRow, oldKind: 'none' });
        const oldKind = sent.oldKind === 'none' ? 'key' : sent.oldKind;
        const deleted = expected({ ...sent, newRow: [], oldKind });
        const insert = parsedBody(harness.insert(sent.oldRow));
        expect(insert.data).toEqual(inserted.data);
        expect([insert.dataOld, insert.unchangedToastedValues]).toEqual([{}, []]);
        const remove = parsedBody(harness.delete(oldKind, sent.oldRow));
        expect(remove.dataOld).toEqual(deleted.dataOld);
        expect([remove.data, remove.unchangedToastedValues]).toEqual([{}, []]);
      }),
      { numRuns: 300 },
    );
  });
});
