import { shortened, type SpelledRow } from '../support/observed-events.js';
import { BIG, type Identity, type Printed, valuesOf } from './literal-tables.js';
import type { JsonForm, TypeCase } from './literals.js';

/** An event without what differs from run to run. */
export interface ExpectedEvent {
  readonly action: string;
  readonly data: SpelledRow;
  readonly dataOld: SpelledRow;
  readonly unchanged: readonly string[];
}

/** The JSON that the contract's table wants for what PostgreSQL printed. */
export function expectedJson(form: JsonForm, printed: string | null): string {
  if (printed === null) return 'null';
  switch (form) {
    case 'boolean':
      return printed === 't' ? 'true' : 'false';
    case 'number':
    case 'verbatim':
      return printed;
    case 'timestamp':
      return JSON.stringify(rfc3339(printed));
    case 'string':
      return JSON.stringify(printed);
  }
}

/** `2016-11-04 13:51:30.12+00` as RFC 3339; what that cannot say (infinity, BC, years beyond 9999) as it is. */
function rfc3339(printed: string): string {
  const [, date, time, fraction = ''] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?(?:\+00)?$/.exec(printed) ?? [];
  return date === undefined || time === undefined ? printed : `${date}T${time}${fraction.replace(/\.?0+$/, '')}Z`;
}

/** The events of the case's table, in phases of one event per row: the rows of a phase in any order. */
export function expectedPhases(
  typeCase: TypeCase,
  identity: Identity,
  { before, after }: Printed,
): readonly (readonly ExpectedEvent[])[] {
  const spell = (printed: string | null = null) => shortened(expectedJson(typeCase.form, printed));
  const big = ['big', shortened(JSON.stringify(BIG))] as const;
  const full = identity === 'full';
  const ids = valuesOf(typeCase, identity).map((_, id) => id);
  const row = (id: number, v: readonly (string | null)[], n: number) =>
    [['id', String(id)], ['v', spell(v[id])], big, ['n', String(n)]] satisfies SpelledRow;
  /** Unchanged columns are absent unless the old row has them. */
  const updated = (id: number, v: readonly (string | null)[], n: number, unchanged: readonly string[]) =>
    row(id, v, n).filter(([name]) => full || !unchanged.includes(name));
  const key = (id: number, v: readonly (string | null)[]): SpelledRow =>
    row(id, v, 0).filter(([name]) => name === 'id' || (name === 'v' && identity === 'index' && typeCase.keyed));
  const isKeyKept = (id: number) => JSON.stringify(key(id, before)) === JSON.stringify(key(id, after));

  const inserts = ids.map((id) => ({ action: 'INSERT', data: row(id, before, 1), dataOld: [], unchanged: [] }));
  if (identity === 'nothing') return [inserts];
  const others = ids.map((id) => {
    const unchanged = typeCase.outOfLine === true && before[id] !== null ? ['v', 'big'] : ['big'];
    const dataOld = full ? row(id, before, 1) : [];
    return { action: 'UPDATE', data: updated(id, before, 2, unchanged), dataOld, unchanged };
  });
  const values = ids.map((id) => {
    const dataOld = full ? row(id, before, 2) : isKeyKept(id) ? [] : key(id, before);
    return { action: 'UPDATE', data: updated(id, after, 3, ['big']), dataOld, unchanged: ['big'] };
  });
  const deletes = ids.map((id) => {
    const dataOld = full ? row(id, after, 3) : key(id, after);
    return { action: 'DELETE', data: [], dataOld, unchanged: [] };
  });
  return [inserts, others, values, deletes];
}
