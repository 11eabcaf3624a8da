import type { AppConfig } from '#lib/config';
import { compileTableMatcher } from '#lib/filtering';
import type { CheckFinding } from './check-report.js';

interface Table {
  readonly schema: string;
  readonly table: string;
  /** Those of the columns of publisher.messageKeyFrom that the table has. */
  readonly foundColumns: readonly string[];
}

/**
 * Names in the configuration that fit no published table: each is a warning, since the table may come later. A misspelt
 * one would leave out what should be published, or the other way round, without a word. Pure.
 */
export function unmatchedNames({ listener, publisher }: AppConfig, tables: readonly Table[]): readonly CheckFinding[] {
  const { filterTables, includeTables, exclude } = listener;
  const schemas = new Set(tables.map(({ schema }) => schema.toLowerCase()));
  const absent = (names: Iterable<string>, ignoreCase: boolean) =>
    [...names].filter((name) => {
      const matches = compileTableMatcher(name, { ignoreCase });
      return !tables.some(({ schema, table }) => matches(schema, table));
    });
  return [
    ...finding('listener.filter.tables', 'table', absent(filterTables?.keys() ?? [], false)),
    ...finding('listener.include.tables', 'table', absent(includeTables.keys(), false)),
    ...finding('listener.exclude.tables', 'table', absent(exclude.tables, true)),
    ...finding(
      'listener.exclude.schemas',
      'table in the schema',
      exclude.schemas.filter((name) => !schemas.has(name.toLowerCase())),
    ),
    ...unmatchedKey(publisher.messageKeyFrom, tables),
  ];
}

function unmatchedKey(key: AppConfig['publisher']['messageKeyFrom'], tables: readonly Table[]) {
  if (key === undefined) return [];
  if (key.kind === 'byTable') {
    const names = new Set(tables.flatMap(({ schema, table }) => [table, `${schema}.${table}`]));
    return finding(
      'publisher.messageKeyFrom',
      'table',
      [...key.tables.keys()].filter((name) => !names.has(name)),
    );
  }
  const found = tables.some(({ foundColumns }) => key.columns.every((column) => foundColumns.includes(column)));
  return found ? [] : finding('publisher.messageKeyFrom', 'table with the columns', [key.columns.join(', ')]);
}

function finding(key: string, what: string, names: readonly string[]): readonly CheckFinding[] {
  if (names.length === 0) return [];
  return [
    {
      part: 'configuration',
      severity: 'warning',
      code: 'CONFIG_INVALID',
      message: `${key}: there is no published ${what} ${names.join('; ')}`,
      remedy: `Correct ${key}, unless it is there for what is still to come.`,
    },
  ];
}
