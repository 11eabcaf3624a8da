import type { Paint } from '../paint.js';

/** An event as a consumer of standard output reads it. */
export interface DemoEvent {
  readonly id: string;
  readonly schema: string;
  readonly table: string;
  readonly action: 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';
  readonly data: Readonly<Record<string, unknown>>;
  readonly dataOld: Readonly<Record<string, unknown>>;
  readonly commitTime: string;
  readonly unchangedToastedValues: readonly string[];
}

const ACTION_STYLES = { INSERT: 'green', UPDATE: 'yellow', DELETE: 'red', TRUNCATE: 'magenta' } as const;
const MAX_VALUE_LENGTH = 32;

/** The event a line holds. Throws when the line is no event. */
export function parseEvent(line: string): DemoEvent {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('id' in value) || !('action' in value)) {
    throw new Error(`not an event: ${line.slice(0, 200)}`);
  }
  return value as DemoEvent;
}

/** What is the same in all events of one transaction: the id starts with 60 bits of the commit position. */
export function transactionOf(event: DemoEvent): string {
  return event.id.slice(0, 18);
}

/** One compact line: commit time, action, table, and the row; of an UPDATE with its old row only what changed. */
export function formatEvent(event: DemoEvent, paint: Paint): string {
  const time = paint('dim', event.commitTime.slice(11).replace('Z', '').padEnd(15));
  const action = paint(ACTION_STYLES[event.action], event.action.padEnd(8));
  return `${time}  ${action}  ${paint('bold', event.table.padEnd(10))}  ${describeRow(event, paint)}`.trimEnd();
}

function describeRow(event: DemoEvent, paint: Paint): string {
  switch (event.action) {
    case 'INSERT':
      return pairs(event.data);
    case 'UPDATE':
      return [
        describeUpdate(event, paint),
        ...event.unchangedToastedValues.map((name) => paint('dim', `${name} unchanged`)),
      ].join(' ');
    case 'DELETE':
      return pairs(event.dataOld);
    case 'TRUNCATE':
      return '';
  }
}

function describeUpdate({ data, dataOld }: DemoEvent, paint: Paint): string {
  const names = Object.keys(data);
  if (!names.every((name) => name in dataOld)) return pairs(data);
  return names
    .filter((name, index) => index === 0 || show(data[name]) !== show(dataOld[name]))
    .map((name) => {
      const [before, after] = [show(dataOld[name]), show(data[name])];
      return before === after ? `${name}=${after}` : `${name}=${paint('dim', `${before} →`)} ${after}`;
    })
    .join(' ');
}

function pairs(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${show(value)}`)
    .join(' ');
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // Data must not be able to move the cursor.
  const safe = text.replaceAll(/\p{Cc}/gu, '·');
  if (safe.length <= MAX_VALUE_LENGTH) return safe;
  return `${safe.slice(0, MAX_VALUE_LENGTH - 12)}… (${size(text)})`;
}

function size(text: string): string {
  const bytes = Buffer.byteLength(text);
  return bytes < 1024 ? `${String(bytes)} B` : `${String(Math.round(bytes / 1024))} KB`;
}
