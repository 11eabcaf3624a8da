import { AppError } from '#lib/kernel';
import type { Relation } from '#lib/pgoutput';

export interface KeyChoice {
  /** The configured columns for this table; absent = not configured. */
  readonly configured?: readonly string[] | undefined;
  /** The primary key from the catalog; asked for identity FULL and NOTHING only. */
  readonly primaryKey?: readonly string[] | undefined;
}

/**
 * The columns of a table's ordering key, which must be sent with every UPDATE and DELETE: the configured ones; else the
 * replica identity's; with FULL and NOTHING, which name none, the primary key. Empty = the table's name is the key.
 * @throws AppError MESSAGE_KEY when the relation lacks a configured column
 */
export function chooseKeyColumns(relation: Relation, choice: KeyChoice): readonly string[] {
  const { configured, primaryKey = [] } = choice;
  const names = new Set(relation.columns.map((column) => column.name));
  if (configured !== undefined && configured.length > 0) {
    const missing = configured.filter((name) => !names.has(name));
    if (missing.length > 0) {
      const { schema, table } = relation;
      throw new AppError('MESSAGE_KEY', `${schema}.${table} has no column ${missing.join(', ')}`, {
        facts: { schema, table },
      });
    }
    return configured;
  }
  switch (relation.replicaIdentity) {
    case 'd':
    case 'i':
      return relation.columns.filter((column) => column.isKey).map((column) => column.name);
    case 'f':
    case 'n':
      // A column list may leave a key column out.
      return primaryKey.every((name) => names.has(name)) ? primaryKey : [];
  }
}
