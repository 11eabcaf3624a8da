import type { AppError } from '#lib/kernel';

/** The two sides that the service stands between. */
export type Side = 'database' | 'broker';

/** Codes that say nothing about either side. */
const NEITHER: ReadonlySet<string> = new Set(['CONFIG_INVALID', 'USAGE', 'INTERNAL']);

/** The side that an error came from; undefined for the process's own. */
export function sideOf({ code }: AppError): Side | undefined {
  if (NEITHER.has(code)) return undefined;
  return code.startsWith('BROKER') || code === 'SUBJECT_NOT_COVERED' || code === 'POISON' ? 'broker' : 'database';
}
