import type { Relation } from '#lib/pgoutput';
import { ID_LENGTH, type Action, type Route } from './change-event.js';
import { encodingOf } from './column-encoders.js';

export interface RowPlanOptions {
  readonly route: Route;
  /** Added to every event; undefined = null. */
  readonly tags: ReadonlyMap<string, string> | undefined;
  readonly excludedColumn: (name: string) => boolean;
  /** Columns of the ordering key, in order; empty = the table's name is the key. */
  readonly keyColumns: readonly string[];
  /** Whether key bytes and barriers of rows are used at all. */
  readonly needsKeys: boolean;
}

/** All that is the same for every row of a relation. Arrays called published… are by published column. */
export interface RowPlan {
  readonly relation: Relation;
  readonly route: Route;
  readonly needsKeys: boolean;
  /** The body up to and with `"data":`, the id's bytes still blank. */
  readonly heads: Readonly<Record<Action, Buffer>>;
  /** The body after the unchanged columns' names. */
  readonly tail: Buffer;
  /** Place of each published column in the tuple. */
  readonly publishedIndexes: Int32Array;
  readonly publishedEncodings: Uint8Array;
  readonly publishedInIdentity: Uint8Array;
  /** `,"name":` of all published columns in one buffer; piece i is nameOffsets[i]..nameOffsets[i + 1]. */
  readonly names: Buffer;
  readonly nameOffsets: Int32Array;
  /** Bytes of a body besides column values, at most, whichever columns it has. */
  readonly fixedBytes: number;
  /** Place of each key column in the tuple. */
  readonly keyIndexes: Int32Array;
  readonly keyEncodings: Uint8Array;
  readonly keyInIdentity: Uint8Array;
  /** The published column whose value in the body is the whole ordering key; -1 = the key is written on its own. */
  readonly keyInBody: number;
  /** The table's name: the key of TRUNCATE, and of every event when there are no key columns. */
  readonly tableKey: Buffer;
}

const ACTIONS: readonly Action[] = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'];
/** Commit time, braces, names of the fields: generously. */
const FRAME_BYTES = 160;
/** What a value needs beyond its text: quotes, or `null` for none. */
const VALUE_BYTES = 4;

/**
 * Compiles what the encoder needs for a relation's rows; once per Relation message.
 * @throws RangeError when a key column is not in the relation
 */
export function compileRowPlan(relation: Relation, options: RowPlanOptions): RowPlan {
  const { columns } = relation;
  const published = [...columns.keys()].filter((index) => !options.excludedColumn(columns[index].name));
  const keys = options.keyColumns.map((name) => indexOfColumn(relation, name));
  const pieces = published.map((index) => Buffer.from(`,${JSON.stringify(columns[index].name)}:`));
  const nameOffsets = new Int32Array(pieces.length + 1);
  pieces.forEach((piece, index) => (nameOffsets[index + 1] = nameOffsets[index] + piece.length));
  const names = Buffer.concat(pieces);
  const heads = headsOf(relation);
  const tail = Buffer.from(`],"tags":${tagsJson(options.tags)}}`);
  const identityFlags = (indexes: readonly number[]) => Uint8Array.from(indexes, (at) => (columns[at].isKey ? 1 : 0));
  const encodings = (indexes: readonly number[]) => Uint8Array.from(indexes, (at) => encodingOf(columns[at].typeOid));
  return {
    relation,
    route: options.route,
    needsKeys: options.needsKeys,
    heads,
    tail,
    publishedIndexes: Int32Array.from(published),
    publishedEncodings: encodings(published),
    publishedInIdentity: identityFlags(published),
    names,
    nameOffsets,
    // The name of a column can come three times: in data, dataOld and unchangedToastedValues.
    fixedBytes:
      heads.TRUNCATE.length + tail.length + FRAME_BYTES + 3 * names.length + 2 * VALUE_BYTES * published.length,
    keyIndexes: Int32Array.from(keys),
    keyEncodings: encodings(keys),
    keyInIdentity: identityFlags(keys),
    keyInBody: options.needsKeys && keys.length === 1 ? published.indexOf(keys[0]) : -1,
    tableKey: Buffer.from(relation.table),
  };
}

function headsOf(relation: Relation): Record<Action, Buffer> {
  const schema = JSON.stringify(relation.schema);
  const table = JSON.stringify(relation.table);
  const head = (action: Action) =>
    Buffer.from(`{"id":"${' '.repeat(ID_LENGTH)}","schema":${schema},"table":${table},"action":"${action}","data":`);
  const [insert, update, remove, truncate] = ACTIONS.map(head);
  return { INSERT: insert, UPDATE: update, DELETE: remove, TRUNCATE: truncate };
}

function tagsJson(tags: ReadonlyMap<string, string> | undefined): string {
  if (tags === undefined) return 'null';
  // Not through an object: its keys would lose their order when they look like numbers.
  const pairs = [...tags].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${pairs.join(',')}}`;
}

function indexOfColumn(relation: Relation, name: string): number {
  const index = relation.columns.findIndex((column) => column.name === name);
  if (index < 0) throw new RangeError(`${relation.schema}.${relation.table} has no column ${JSON.stringify(name)}`);
  return index;
}
