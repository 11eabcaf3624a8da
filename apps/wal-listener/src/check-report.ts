import type { ErrorCode } from '#lib/kernel';
import type { Paint, Style } from './paint.js';

/** One thing that was found, wherever. */
export interface CheckFinding {
  readonly part: 'configuration' | 'database' | 'broker';
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  readonly message: string;
  /** What mends it; every statement or command on a line of its own. */
  readonly remedy: string;
}

export interface CheckReport {
  /** Whether nothing stands in the way of streaming. */
  readonly ok: boolean;
  /** What was looked at: a name and what was seen there. */
  readonly seen: readonly (readonly [name: string, text: string])[];
  readonly findings: readonly CheckFinding[];
}

const MIN_WIDTH = 80;
const MAX_WIDTH = 200;
/** Of a file or pipe, whose reader's width is not known. */
const DEFAULT_WIDTH = 120;
const GAP = '  ';
const HEADINGS = ['SEVERITY', 'PART', 'CODE', 'FINDING, AND WHAT MENDS IT'] as const;
const SEVERITY_STYLES = { error: 'red', warning: 'yellow' } as const satisfies Record<string, Style>;
/** A line that may hold a statement or command is never broken: it is there to be copied. */
const HOLDS_CODE = /;$|[=$]|(^|\s)--|^(nats|gcloud|npm|rabbitmqctl|kafka-)|\b(ALTER|CREATE|SELECT|GRANT|DROP) /;

/** How many columns a report may take: the terminal's within 80 and 200. */
export function reportWidth(output: { readonly isTTY?: boolean; readonly columns?: number }): number {
  const columns = output.isTTY === true ? (output.columns ?? DEFAULT_WIDTH) : DEFAULT_WIDTH;
  return Math.min(Math.max(columns, MIN_WIDTH), MAX_WIDTH);
}

/** What was looked at, a table with a row per finding, and the verdict. Pure. */
export function renderReport({ seen, findings, ok }: CheckReport, width: number, paint: Paint): string {
  const verdict = ok ? paint('green', 'Ready to stream.') : paint('red', 'Not ready to stream.');
  const blocks = [renderSeen(seen, width, paint), renderFindings(findings, width, paint), [verdict]];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function renderSeen(seen: CheckReport['seen'], width: number, paint: Paint): readonly string[] {
  const nameWidth = Math.max(0, ...seen.map(([name]) => name.length));
  return seen.flatMap(([name, text]) => {
    const label = paint('bold', name.padEnd(nameWidth));
    return hang(`${label}${GAP}`, nameWidth + GAP.length, printable(text), width);
  });
}

function renderFindings(findings: readonly CheckFinding[], width: number, paint: Paint): readonly string[] {
  if (findings.length === 0) return [];
  const cells = findings.map(({ severity, part, code }) => [severity, part, code] as const);
  const widths = [0, 1, 2].map((column) =>
    Math.max(HEADINGS[column]?.length ?? 0, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const indent = widths.reduce((sum, columnWidth) => sum + columnWidth + GAP.length, 0);
  const lead = (row: readonly string[]): string =>
    row.map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}${GAP}`).join('');
  const rows = findings.map(({ severity, part, code, message, remedy }) => {
    const [first = '', ...others] = hang(lead([severity, part, code]), indent, printable(message), width);
    const coloured = paint(SEVERITY_STYLES[severity], severity);
    return [`${coloured}${first.slice(severity.length)}`, ...others, ...remedyLines(remedy, width)].join('\n');
  });
  const heading = paint('bold', `${lead(HEADINGS.slice(0, 3))}${HEADINGS[3]}`);
  return [heading, rows.join('\n\n')];
}

/** Below the row and not within a column, so that what is selected there is the remedy and nothing else. */
function remedyLines(remedy: string, width: number): readonly string[] {
  return remedy.split('\n').flatMap((line) => {
    const text = printable(line);
    return HOLDS_CODE.test(text) ? [`${GAP}${text}`] : hang(GAP, GAP.length, text, width);
  });
}

/** The text in lines of at most `width` columns, the first after `lead`, the others below it. */
function hang(lead: string, indent: number, text: string, width: number): readonly string[] {
  const room = width - indent;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).flatMap((long) => pieces(long, room))) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((part, index) => `${index === 0 ? lead : ' '.repeat(indent)}${part}`);
}

function pieces(word: string, room: number): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < word.length; at += room) found.push(word.slice(at, at + room));
  return found;
}

/** A table's name must not be able to move the cursor, or to turn the direction of the text after it. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, '·');
}
