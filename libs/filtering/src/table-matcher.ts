import { compileGoRegexp, regexpKey } from '#lib/kernel';

/** Whether a table is meant by a name in the configuration. */
export type TableMatcher = (schema: string, table: string) => boolean;

/**
 * Compiles a table name of the configuration: `table`, `schema.table`, or `/regex/` over `schema.table` (unanchored).
 * @throws SyntaxError for a pattern JavaScript cannot take
 */
export function compileTableMatcher(name: string, options: { readonly ignoreCase: boolean }): TableMatcher {
  const pattern = regexpKey(name);
  if (pattern !== undefined) {
    const regexp = compileGoRegexp(pattern, options.ignoreCase ? 'i' : '');
    return (schema, table) => regexp.test(`${schema}.${table}`);
  }
  if (!options.ignoreCase) return (schema, table) => name === table || name === `${schema}.${table}`;
  const wanted = name.toLowerCase();
  return (schema, table) =>
    wanted === table.toLowerCase() || wanted === `${schema.toLowerCase()}.${table.toLowerCase()}`;
}
