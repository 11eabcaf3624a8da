import type { Event, StackFrame } from '@sentry/node';
import type { AppError, ErrorFacts, ReportSeverity } from '#lib/kernel';
import type { Redact } from './redactor.js';

/** What every report says of the process. */
export interface ReportContext {
  readonly slot: string;
  readonly publisher: string;
}

export interface EventTools {
  readonly redact: Redact;
  /** A stack's lines as frames: file, function, line, column. */
  readonly parseStack: (stack: string) => StackFrame[];
}

const FRAME_LINE = /^\s+at /;

/**
 * A failure as Sentry takes it. Of its cause only name and code are told: the text of another's error may quote rows.
 * Failures of the same code, table and SQLSTATE are one issue.
 */
export function sentryEvent(
  error: AppError,
  severity: ReportSeverity,
  context: ReportContext,
  tools: EventTools,
): Event {
  const { code, facts, remedy } = error;
  const { schema, table, lsn, sqlstate, slot, ...others } = facts;
  const tableName = table === undefined || schema === undefined ? table : `${String(schema)}.${String(table)}`;
  const tags = { code, slot: slot ?? context.slot, publisher: context.publisher, table: tableName, lsn, sqlstate };
  const frames = tools.parseStack(tools.redact(stackLines(error)));
  return {
    level: severity,
    exception: {
      values: [
        { type: code, value: tools.redact(error.message), ...(frames.length > 0 && { stacktrace: { frames } }) },
      ],
    },
    tags: masked(tags, tools.redact),
    extra: masked({ ...others, remedy, cause: causeName(error) }, tools.redact),
    fingerprint: ['wal-listener', code, tableName, sqlstate].filter((part) => part !== undefined).map(String),
  };
}

const EVENT_FIELDS: ReadonlySet<string> = new Set(
  'event_id timestamp platform level release environment server_name sdk exception tags extra fingerprint'.split(' '),
);

/** Drops whatever the client or an integration added to a report: only what is known above is sent. */
export function knownFieldsOnly<E extends Event>(event: E): E {
  for (const key of Object.keys(event)) {
    if (!EVENT_FIELDS.has(key)) Reflect.deleteProperty(event, key);
  }
  return event;
}

/** Where it happened; for a defect, where the defect is. Without the header, which repeats the message. */
function stackLines(error: AppError): string {
  const origin = error.code === 'INTERNAL' && error.cause instanceof Error ? error.cause : error;
  const lines = (origin.stack ?? '').split('\n');
  return lines.filter((line) => FRAME_LINE.test(line)).join('\n');
}

/** For example `Error ECONNREFUSED`. */
function causeName({ cause }: AppError): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code: unknown = Reflect.get(cause, 'code');
  return typeof code === 'string' || typeof code === 'number' ? `${cause.name} ${code}` : cause.name;
}

function masked(facts: ErrorFacts, redact: Redact): Record<string, string | number | boolean> {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined) shown[name] = typeof value === 'string' ? redact(value) : value;
  }
  return shown;
}
