import type { ListenerConfig } from '#lib/config';
import { regexpKey } from '#lib/kernel';

type Rules = Pick<ListenerConfig, 'filterTables' | 'includeTables' | 'exclude'>;

/**
 * Whether the filters may leave a table out altogether. Names decide; a pattern that could leave it out counts as if it
 * did, so that false means: something of this table will be published. Pure.
 */
export function mayBeLeftOut(rules: Rules, { schema, table }: { readonly schema: string; readonly table: string }) {
  const { filterTables, includeTables, exclude } = rules;
  const names = [table, `${schema}.${table}`];
  const lowerNames = new Set(names.map((name) => name.toLowerCase()));
  const isExcluded =
    exclude.schemas.some((name) => name.toLowerCase() === schema.toLowerCase()) ||
    exclude.tables.some((name) => regexpKey(name) !== undefined || lowerNames.has(name.toLowerCase()));
  if (isExcluded || [...includeTables.keys()].some((name) => regexpKey(name) !== undefined)) return true;
  const allowed = filterTables && names.flatMap((name) => filterTables.get(name) ?? []);
  const included = names.flatMap((name) => includeTables.get(name) ?? []);
  const isRestricted = names.some((name) => includeTables.has(name));
  if (allowed === undefined) return isRestricted && included.length === 0;
  return !allowed.some((action) => !isRestricted || included.includes(action));
}
