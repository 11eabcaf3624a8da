import type { AppError } from './app-error.js';

/** How a broker that is away shows depends on when it is asked. */
const AWAY: ReadonlySet<string> = new Set(['BROKER_UNREACHABLE', 'BROKER_TIMEOUT']);

/** Whether two failures are, to a person, the same trouble going on: attempts fail in different words. */
export function isSameTrouble(earlier: AppError | undefined, later: AppError): boolean {
  return earlier !== undefined && kindOf(earlier) === kindOf(later);
}

function kindOf({ code, facts }: AppError): string {
  if (AWAY.has(code)) return 'broker away';
  // Refusals while a server ends and starts have SQLSTATEs of their own.
  return code === 'PG_CONNECTION_LOST' ? code : `${code} ${String(facts.sqlstate)}`;
}
