import { AppError } from '#lib/kernel';
import type { ReplicaIdentity } from '#lib/pgoutput';

import type { ControlConnection } from './control-connection.js';

/** A table with what the catalog says about its keys. */
export interface CatalogTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: ReplicaIdentity;
  /** Columns in key order; empty = no primary key. */
  readonly primaryKey: readonly string[];
  /** Columns that an old key carries; empty = none, or all under FULL. */
  readonly identityColumns: readonly string[];
  /** Those of the columns asked for that the table has. */
  readonly foundColumns: readonly string[];
  /** Its partitions that send less of an old row than this table, published in their place, says. */
  readonly keyOnlyPartitions: readonly { readonly schema: string; readonly table: string }[];
}

const INTERNAL_ERROR = 'XX000';

/** Key columns of the index of c that `condition` picks, in key order. */
const indexColumns = (condition: string): string => `ARRAY(
    SELECT a.attname::text
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = c.oid AND ${condition} AND k.position <= i.indnkeyatts
    ORDER BY k.position)`;

// A deferrable primary key is none for logical replication, hence indimmediate.
const IDENTITY_INDEX = `i.indisvalid AND CASE c.relreplident
      WHEN 'd' THEN i.indisprimary AND i.indimmediate
      WHEN 'i' THEN i.indisreplident
      ELSE false END`;

const TABLE_COLUMNS = `
  c.oid::int8::text AS oid, n.nspname::text AS schema, c.relname::text AS "table", c.relreplident::text AS identity,
  ${indexColumns('i.indisprimary')} AS primary_key,
  ${indexColumns(IDENTITY_INDEX)} AS identity_columns,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname::text = ANY($1::text[])) AS found,
  ARRAY(
    SELECT ARRAY[pn.nspname::text, p.relname::text] FROM pg_class p JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relkind = 'p' AND c.relreplident = 'f' AND p.relispartition AND p.relkind = 'r' AND p.relreplident <> 'f'
      AND EXISTS (SELECT 1 FROM pg_partition_ancestors(p.oid) AS a WHERE a.relid = c.oid)
    ORDER BY 1) AS key_only`;

/** Tables that the publications hold, from the publications as they are now. */
const PUBLISHED_TABLES = `
SELECT ${TABLE_COLUMNS}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = ANY($2::text[]))
ORDER BY 2, 3`;

/** Tables that a publication FOR ALL TABLES would hold. */
const ALL_TABLES = `
SELECT ${TABLE_COLUMNS}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384
  AND n.nspname NOT IN ('information_schema', 'pg_catalog')
ORDER BY 2, 3`;

const PRIMARY_KEY = `SELECT ${indexColumns('i.indisprimary')} AS primary_key FROM pg_class c WHERE c.oid = $1::int8::oid`;

const END_OF_WAL = `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
  ELSE pg_current_wal_insert_lsn() END - '0/0')::text AS lsn`;

interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly identity: ReplicaIdentity;
  readonly primary_key: readonly string[];
  readonly identity_columns: readonly string[];
  readonly found: readonly string[];
  readonly key_only: readonly (readonly [string, string])[];
}

const toTable = (row: TableRow): CatalogTable => ({
  oid: Number(row.oid),
  schema: row.schema,
  table: row.table,
  replicaIdentity: row.identity,
  primaryKey: row.primary_key,
  identityColumns: row.identity_columns,
  foundColumns: row.found,
  keyOnlyPartitions: row.key_only.map(([schema, table]) => ({ schema, table })),
});

/**
 * How often the view of published tables is read anew: it fails with an internal error when a table is dropped while it
 * is read, which comes again and again where tables come and go.
 */
const MAX_READINGS = 20;

/** The tables of the publications; `columns` are looked for in each. @throws AppError */
export async function publishedTables(
  control: Pick<ControlConnection, 'query'>,
  publications: readonly string[],
  columns: readonly string[] = [],
): Promise<readonly CatalogTable[]> {
  for (let reading = 1; ; reading++) {
    try {
      return (await control.query<TableRow>(PUBLISHED_TABLES, [columns, publications])).map(toTable);
    } catch (error) {
      const isInternal = error instanceof AppError && error.facts['sqlstate'] === INTERNAL_ERROR;
      if (!isInternal || reading === MAX_READINGS) throw error;
    }
  }
}

/** Where the WAL ends now. @throws AppError */
export async function endOfWal(control: ControlConnection): Promise<bigint> {
  const [row] = await control.query<{ lsn: string }>(END_OF_WAL);
  return BigInt(row?.lsn ?? 0);
}

/** Every table that a publication FOR ALL TABLES would hold; `columns` are looked for in each. @throws AppError */
export async function allTables(
  control: ControlConnection,
  columns: readonly string[] = [],
): Promise<readonly CatalogTable[]> {
  return (await control.query<TableRow>(ALL_TABLES, [columns])).map(toTable);
}

/** The primary key columns of a table in key order; empty = none, or no such table. @throws AppError */
export async function primaryKeyOf(control: ControlConnection, relationOid: number): Promise<readonly string[]> {
  const rows = await control.query<{ primary_key: readonly string[] }>(PRIMARY_KEY, [relationOid]);
  return rows[0]?.primary_key ?? [];
}
