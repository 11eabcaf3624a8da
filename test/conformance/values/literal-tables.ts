import type pg from 'pg';
import type { TypeCase } from './literals.js';

/** Replica identities of the tables: `index` is UNIQUE (v, id) where v can be indexed, else UNIQUE (id). */
export const IDENTITIES = ['default', 'full', 'index', 'nothing'] as const;
export type Identity = (typeof IDENTITIES)[number];

/** Settings of the contract, for what the oracle prints. */
export const CONTRACT_SETTINGS = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
  SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'; SET client_encoding = 'UTF8'`;

/** A text that is always stored out of line, beside every value. */
export const BIG = 'big "column" é\n'.repeat(135);
const BIG_SQL = `repeat(E'big "column" é\\n', 135)`;

/** What the source's output function prints for each row's value before and after it was changed; null = NULL. */
export interface Printed {
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
}

/** The values of the case's table under the identity: NULL too, where v is not part of a key. */
export function valuesOf({ values, keyed }: TypeCase, identity: Identity): readonly string[] {
  return identity === 'index' && keyed ? values : [...values, 'NULL'];
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(identity: Identity, { type }: TypeCase): string {
  return `${quoteIdentifier(identity)}.${quoteIdentifier(type)}`;
}

/** Statements that make the case's tables, one per identity. */
export function createTables(typeCase: TypeCase): string {
  return IDENTITIES.map((identity) => {
    const table = qualified(identity, typeCase);
    const key = identity === 'default' ? 'id int PRIMARY KEY' : 'id int NOT NULL';
    const inKey = identity === 'index' && typeCase.keyed;
    const create = `CREATE TABLE ${table} (${key}, v ${typeCase.type}${inKey ? ' NOT NULL' : ''}, big text, n int);
      ALTER TABLE ${table} ALTER big SET STORAGE EXTERNAL;`;
    if (identity === 'default') return create;
    if (identity !== 'index') return `${create} ALTER TABLE ${table} REPLICA IDENTITY ${identity};`;
    const index = quoteIdentifier(`index of ${typeCase.type}`);
    return `${create} CREATE UNIQUE INDEX ${index} ON ${table} (${inKey ? 'v, id' : 'id'});
      ALTER TABLE ${table} REPLICA IDENTITY USING INDEX ${index};`;
  }).join('\n');
}

/**
 * Every value through INSERT, an UPDATE of another column, an UPDATE to the next value and DELETE, in each of the
 * case's tables; gives what the source printed meanwhile.
 */
export async function changeRows(client: pg.Client, typeCase: TypeCase): Promise<ReadonlyMap<Identity, Printed>> {
  const printed = new Map<Identity, Printed>();
  for (const identity of IDENTITIES) {
    const table = qualified(identity, typeCase);
    const values = valuesOf(typeCase, identity);
    const rows = values.map((value, id) => `(${String(id)}, ${value}, ${BIG_SQL}, 1)`);
    const next = values.map((_, id) => `WHEN ${String(id)} THEN ${values[(id + 1) % values.length] ?? 'NULL'}`);
    // concat prints as the output function does; a cast would trim char(n). A row of NULLs IS NULL, hence num_nulls.
    const print = `SELECT CASE WHEN num_nulls(v) = 0 THEN concat(v) END AS v FROM ${table} ORDER BY id`;
    const results = (await client.query(
      `INSERT INTO ${table} VALUES ${rows.join()}; ${print}; UPDATE ${table} SET n = 2;
       UPDATE ${table} SET v = CASE id ${next.join(' ')} END, n = 3; ${print}; DELETE FROM ${table}`,
    )) as unknown as pg.QueryResult<{ v: string | null }>[];
    const column = (index: number) => (results[index]?.rows ?? []).map(({ v }) => v);
    printed.set(identity, { before: column(1), after: column(4) });
  }
  return printed;
}
