import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { type JsonNode, parseLossless } from './lossless-json.js';

/** A row of an event: names in their order, values as they are spelled; long ones as digest. */
export type SpelledRow = readonly (readonly [name: string, value: string])[];

/** An event as a consumer reads it, nothing lost. */
export interface ObservedEvent {
  readonly id: string;
  readonly schema: string;
  readonly table: string;
  readonly action: string;
  readonly data: ReadonlyMap<string, JsonNode>;
  readonly dataOld: ReadonlyMap<string, JsonNode>;
  readonly unchanged: readonly string[];
}

const FIELDS = ['id', 'schema', 'table', 'action', 'data', 'dataOld', 'commitTime', 'unchangedToastedValues', 'tags'];
const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const RFC3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z$/;
/** Whatever follows a backslash but what JSON cannot do without. */
const NEEDLESS_ESCAPE = /\\(?!["\\bfnrt]|u00[01][0-9a-f])./;
/** Values longer than this are compared, and shown when they differ, by their digest. */
const LONGEST_SHOWN = 400;

/** Reads an event and checks what is the same for all: the fields and their order, nothing escaped without need. */
export function readEvent(body: string): ObservedEvent {
  const event = membersOf(parseLossless(body));
  expect([...event.keys()]).toEqual(FIELDS);
  expect(NEEDLESS_ESCAPE.exec(body.replaceAll('\\\\', ''))).toBeNull();
  expect(body).not.toContain('\ufffd');
  const field = (name: string): JsonNode => event.get(name) ?? { kind: 'null', raw: 'null' };
  expect(textOf(field('id'))).toMatch(UUID_V8);
  expect(textOf(field('commitTime'))).toMatch(RFC3339_UTC);
  expect(field('tags').kind).toBe('null');
  const unchanged = field('unchangedToastedValues');
  if (unchanged.kind !== 'array') throw new Error('unchangedToastedValues is no array');
  return {
    id: textOf(field('id')),
    schema: textOf(field('schema')),
    table: textOf(field('table')),
    action: textOf(field('action')),
    data: membersOf(field('data')),
    dataOld: membersOf(field('dataOld')),
    unchanged: unchanged.items.map(textOf),
  };
}

/**
 * The event in one line: `ACTION schema.table data dataOld`, both byte for byte, and `[names]` of columns left out of
 * line where there are any.
 */
export function eventLine(body: string): string {
  const { schema, table, action, unchanged } = readEvent(body);
  const event = membersOf(parseLossless(body));
  const rows = ['data', 'dataOld'].map((name) => event.get(name)?.raw);
  return [action, `${schema}.${table}`, ...rows, ...(unchanged.length > 0 ? [`[${unchanged.join()}]`] : [])].join(' ');
}

/**
 * The row in a form to compare: strings with escapes as JSON.stringify writes them, since consumers see no difference;
 * all else, and the columns named verbatim, byte for byte.
 */
export function spelledRow(row: ReadonlyMap<string, JsonNode>, verbatim: readonly string[] = []): SpelledRow {
  return [...row].map(([name, node]) => {
    const spelled = node.kind === 'string' && !verbatim.includes(name) ? JSON.stringify(node.value) : node.raw;
    return [name, shortened(spelled)];
  });
}

export function shortened(text: string): string {
  if (text.length <= LONGEST_SHOWN) return text;
  const digest = createHash('sha256').update(text).digest('hex');
  return `${text.slice(0, 60)}… ${String(text.length)} characters, SHA-256 ${digest}`;
}

function membersOf(node: JsonNode): ReadonlyMap<string, JsonNode> {
  if (node.kind !== 'object') throw new Error(`an object expected, not ${node.kind}`);
  return node.members;
}

function textOf(node: JsonNode): string {
  if (node.kind !== 'string') throw new Error(`a string expected, not ${node.kind}`);
  return node.value;
}
