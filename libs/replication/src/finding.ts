import { AppError, type ErrorCode } from '#lib/kernel';

/** One thing that preflight found. */
export interface Finding {
  /** `error`: streaming cannot or must not begin; `warning`: it can, and a person should know. */
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  readonly message: string;
  /** What mends it: the exact SQL where SQL does it. */
  readonly remedy: string;
}

/** A connection or query that failed, as a finding. */
export function findingOf(error: AppError): Finding {
  return { severity: 'error', code: error.code, message: error.message, remedy: error.remedy };
}

/** @throws AppError with every error listed; its code is the finding's, or PREFLIGHT when there are several */
export function assertNoErrors(findings: readonly Finding[], slot: string): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return;
  const options = { facts: { slot }, remedy: errors.map(({ remedy }) => remedy).join('\n') };
  if (errors.length === 1) throw new AppError(first.code, first.message, options);
  // The remedies stand beside the list, in the same order: each is told once.
  const list = errors.map(({ code, message }) => `- ${code}: ${message}`).join('\n');
  throw new AppError('PREFLIGHT', `The database is not ready for replication:\n${list}`, options);
}
