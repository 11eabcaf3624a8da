import type { AppError } from './app-error.js';

/** How a broker that is away shows depends on when it is asked. */
const AWAY: ReadonlySet<string> = new Set(['BROKER_UNREACHABLE', 'BROKER_TIMEOUT']);
/** Of a partition, a time: a number that is no part of a name. */
const NUMBER = /\b\d+\b/g;

/** Whether two failures are, to a person, the same trouble going on: attempts fail in different words. */
export function isSameTrouble(earlier: AppError | undefined, later: AppError): boolean {
  return earlier !== undefined && troubleOf(earlier) === troubleOf(later);
}

/** What two failures that are the same trouble have in common; a key to compare, not to show. */
export function troubleOf({ code, message, facts }: AppError): string {
  if (AWAY.has(code)) return 'broker away';
  // What refuses, and why, is mended case by case: another queue, topic or reason is another trouble.
  if (code === 'BROKER_REFUSED') return `${code} ${message.replaceAll(NUMBER, '#')}`;
  // Refusals while a server ends and starts have SQLSTATEs of their own.
  return code === 'PG_CONNECTION_LOST' ? code : `${code} ${String(facts.sqlstate)}`;
}
