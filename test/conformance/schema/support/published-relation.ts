import type pg from 'pg';

export interface PublishedColumn {
  readonly name: string;
  readonly typeOid: number;
  /** Flagged as part of the replica identity. */
  readonly isKey: boolean;
}

/** As which relation a table's changes are published, by the catalog as the writing transaction sees it. */
export interface PublishedRelation {
  readonly schema: string;
  readonly table: string;
  readonly identity: string;
  readonly columns: readonly PublishedColumn[];
  readonly primaryKey: readonly string[];
  /** SQL over the table's columns; undefined = every row. */
  readonly rowFilter: string | undefined;
  /** `insert`, `update`, `delete`, `truncate`. */
  readonly actions: ReadonlySet<string>;
}

/** What the server writes into the WAL of a table's old rows, and its columns. */
export interface StoredRelation {
  readonly identity: string;
  readonly columns: readonly string[];
  /** Columns of the replica identity; all under FULL. */
  readonly identityColumns: readonly string[];
  /** Columns whose large values are stored out of line. */
  readonly external: readonly string[];
}

const IDENTITY_INDEX = `i.indisvalid AND i.indimmediate AND CASE c.relreplident
  WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END`;

const IS_KEY = `(c.relreplident = 'f' OR EXISTS (
  SELECT FROM pg_index i WHERE i.indrelid = c.oid AND ${IDENTITY_INDEX} AND a.attnum = ANY (i.indkey)))`;

const COLUMNS = `
  SELECT a.attname::text AS name, a.atttypid::int8::text AS type, ${IS_KEY} AS is_key,
    a.attgenerated = '' AS is_plain, a.attstorage = 'e' AS is_external
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

// The view lists the leaves, or with publish_via_partition_root their root. Column lists and row filters: since 15.
const TARGET = `
  SELECT c.oid::int8::text AS oid, n.nspname::text AS schema, c.relname::text AS "table", c.relreplident::text AS identity,
    to_jsonb(t) -> 'attnames' AS columns, to_jsonb(t) ->> 'rowfilter' AS filter,
    p.pubinsert AS insert, p.pubupdate AS update, p.pubdelete AS delete, p.pubtruncate AS truncate,
    ARRAY(SELECT a.attname::text FROM pg_index i, pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
      ORDER BY array_position(i.indkey::int2[], a.attnum)) AS primary_key
  FROM pg_publication_tables t
  JOIN pg_publication p ON p.pubname = t.pubname
  JOIN pg_namespace n ON n.nspname = t.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
  WHERE t.pubname = $1
    AND (c.oid = $2::int8::oid OR ($3 AND c.oid IN (SELECT relid FROM pg_partition_ancestors($2::int8::oid))))`;

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly is_key: boolean;
  readonly is_plain: boolean;
  readonly is_external: boolean;
}

interface TargetRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly identity: string;
  readonly columns: readonly string[] | null;
  readonly filter: string | null;
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly truncate: boolean;
  readonly primary_key: readonly string[];
}

/** @param orAncestor whether the partitioned table above counts; TRUNCATE names the relation itself */
export async function publishedRelation(
  client: pg.Client,
  publication: string,
  oid: string,
  orAncestor = true,
): Promise<PublishedRelation | undefined> {
  const targets = (await client.query<TargetRow>(TARGET, [publication, oid, orAncestor])).rows;
  if (targets.length === 0) return undefined;
  const [target] = targets;
  const columns = (await client.query<ColumnRow>(COLUMNS, [target.oid])).rows;
  return {
    schema: target.schema,
    table: target.table,
    identity: target.identity,
    primaryKey: target.primary_key,
    rowFilter: target.filter ?? undefined,
    actions: new Set((['insert', 'update', 'delete', 'truncate'] as const).filter((action) => target[action])),
    columns: columns
      .filter(({ name, is_plain }) => is_plain && (target.columns?.includes(name) ?? true))
      .map(({ name, type, is_key }) => ({ name, typeOid: Number(type), isKey: is_key })),
  };
}

export async function storedRelation(client: pg.Client, oid: string): Promise<StoredRelation> {
  const [relation] = (
    await client.query<{ identity: string }>(
      'SELECT relreplident::text AS identity FROM pg_class WHERE oid = $1::int8::oid',
      [oid],
    )
  ).rows;
  const columns = (await client.query<ColumnRow>(COLUMNS, [oid])).rows;
  return {
    identity: relation.identity,
    columns: columns.map(({ name }) => name),
    identityColumns: columns.filter(({ is_key }) => is_key).map(({ name }) => name),
    external: columns.filter(({ is_external }) => is_external).map(({ name }) => name),
  };
}
