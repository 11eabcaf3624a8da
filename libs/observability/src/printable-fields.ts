import type { LogFields } from '#lib/kernel';
import type { Redact } from './redactor.js';

export interface FieldOptions {
  readonly redact: Redact;
  /** Whether errors show where they were thrown. */
  readonly stacks: boolean;
}

/** Names, without `_` and `-`, of what is secret whatever its value is. */
const SECRET_NAME =
  /(password|passwd|passphrase|secret|token|dsn|authorization|cookie|credentials?|apikey|privatekey)$/i;
/** What a line has itself. */
const OWN_NAMES: ReadonlySet<string> = new Set(['level', 'time', 'msg']);
const MAX_DEPTH = 5;
const MAX_ITEMS = 100;

/**
 * Fields as plain JSON values: secrets masked, errors with their message, bigints in decimal, maps as objects, contents
 * of buffers left out. Never throws, whatever is given.
 */
export function printableFields(fields: LogFields, options: FieldOptions): Record<string, unknown> {
  const printed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    printed[OWN_NAMES.has(name) ? `${name}_` : name] = printableField(name, value, options, 0);
  }
  return printed;
}

function printableField(name: string, value: unknown, options: FieldOptions, depth: number): unknown {
  const isSecret = value !== null && value !== '' && SECRET_NAME.test(name.replaceAll(/[_-]/g, ''));
  return isSecret ? '***' : printable(value, options, depth);
}

function printable(value: unknown, options: FieldOptions, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return options.redact(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      return value === null ? null : printableObject(value, options, depth);
    default:
      return value;
  }
}

function printableObject(value: object, options: FieldOptions, depth: number): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  // Also what ends a cycle.
  if (depth >= MAX_DEPTH) return '[…]';
  if (value instanceof Error) return printableError(value, options);
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...(value as Iterable<unknown>)];
    const shown = items.slice(0, MAX_ITEMS).map((item) => printable(item, options, depth + 1));
    return items.length > MAX_ITEMS ? [...shown, `[${items.length - MAX_ITEMS} more]`] : shown;
  }
  const entries = value instanceof Map ? [...value] : ownEntries(value);
  return Object.fromEntries(
    entries.map(([name, item]) => [
      options.redact(String(name)),
      printableField(String(name), item, options, depth + 1),
    ]),
  );
}

/**
 * Without an error's other properties (the error of a client may hold the request, with its rows and credentials) and
 * without the text of its cause, which another wrote and which may quote a row.
 */
function printableError(error: Error, { redact, stacks }: FieldOptions): Record<string, unknown> {
  const { message, stack, cause } = error;
  return {
    ...nameAndCode(error),
    message: redact(message),
    ...(stacks && stack !== undefined && { stack: redact(stack) }),
    ...(cause instanceof Error && { cause: nameAndCode(cause) }),
  };
}

function nameAndCode(error: Error): Record<string, unknown> {
  const code: unknown = Reflect.get(error, 'code');
  return { name: error.name, ...((typeof code === 'string' || typeof code === 'number') && { code }) };
}

function ownEntries(value: object): [string, unknown][] {
  try {
    return Object.entries(value);
  } catch {
    // A getter that throws.
    return [];
  }
}
