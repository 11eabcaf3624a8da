import type { PublishedColumn, PublishedRelation, StoredRelation } from './published-relation.js';

/** A row's columns as PostgreSQL prints them; null = NULL. */
export type RowText = Readonly<Record<string, string | null>>;

export type ExpectedAction = 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';

/** A value longer than this is out of line when its column is stored so. */
const OUT_OF_LINE_FROM = 2100;
const BOOL = 16;
const NUMBERS = new Set([20, 21, 23]);
const TIMESTAMPS = new Set([1114, 1184]);
const JSONB = 3802;

/** The JSON of a value, by the types that the contract names; everything else is a string. */
export function jsonValue(typeOid: number, text: string | null): string {
  if (text === null) return 'null';
  if (NUMBERS.has(typeOid) || typeOid === JSONB) return text;
  if (typeOid === BOOL) return text === 't' ? 'true' : 'false';
  if (TIMESTAMPS.has(typeOid)) return JSON.stringify(`${text.replace(' ', 'T').replace(/\+00$/, '')}Z`);
  return JSON.stringify(text);
}

const object = (columns: readonly PublishedColumn[], row: RowText) =>
  `{${columns.map(({ name, typeOid }) => `${JSON.stringify(name)}:${jsonValue(typeOid, row[name] ?? null)}`).join()}}`;

/** An event's body without its id and commit time. */
const body = (relation: PublishedRelation, action: ExpectedAction, data: string, old: string, unchanged = '') =>
  `{"schema":${JSON.stringify(relation.schema)},"table":${JSON.stringify(relation.table)},"action":"${action}",` +
  `"data":${data},"dataOld":${old},"unchangedToastedValues":[${unchanged}],"tags":null}`;

export const truncateEvent = (relation: PublishedRelation) => body(relation, 'TRUNCATE', '{}', '{}');

export const insertEvent = (relation: PublishedRelation, row: RowText) =>
  body(relation, 'INSERT', object(relation.columns, row), '{}');

/** The old row as the server sends it: FULL or the key, by the published relation; what the WAL holds, by the stored one. */
function oldRow(relation: PublishedRelation, stored: StoredRelation, row: RowText): string {
  const columns = relation.identity === 'f' ? relation.columns : relation.columns.filter(({ isKey }) => isKey);
  const logged = Object.fromEntries(stored.identityColumns.map((name) => [name, row[name]]));
  return object(columns, logged);
}

export const deleteEvent = (relation: PublishedRelation, stored: StoredRelation, row: RowText) =>
  body(relation, 'DELETE', '{}', oldRow(relation, stored, row));

/** @param assigned the columns that the UPDATE names: an out-of-line value of another one is not sent again */
export function updateEvent(
  relation: PublishedRelation,
  stored: StoredRelation,
  before: RowText,
  after: RowText,
  assigned: readonly string[],
): string {
  const hasOld = stored.identity === 'f' || stored.identityColumns.some((name) => before[name] !== after[name]);
  const unchanged = relation.columns.filter(
    ({ name }) =>
      stored.external.includes(name) && !assigned.includes(name) && (after[name] ?? '').length > OUT_OF_LINE_FROM,
  );
  const isLeftOut = ({ name }: PublishedColumn) =>
    unchanged.some((column) => column.name === name) &&
    !(hasOld && relation.identity === 'f' && stored.identity === 'f');
  const sent = relation.columns.filter((column) => !isLeftOut(column));
  const old = hasOld ? oldRow(relation, stored, before) : '{}';
  const names = unchanged.map(({ name }) => JSON.stringify(name)).join();
  return body(relation, 'UPDATE', object(sent, after), old, names);
}

/** A received body in the form of the expected ones. */
export const withoutIdAndTime = (event: string) =>
  event.replace(/^\{"id":"[^"]*",/, '{').replace(/"commitTime":"[^"]*",/, '');

/** The relations of one TRUNCATE come in no order that matters. */
export function withSortedTruncates(events: readonly string[]): string[] {
  const sorted: string[] = [];
  let run: string[] = [];
  for (const event of events) {
    if (event.includes('"action":"TRUNCATE"')) {
      run.push(event);
      continue;
    }
    sorted.push(...run.toSorted(), event);
    run = [];
  }
  return [...sorted, ...run.toSorted()];
}
