import { ERROR_CODES, type ErrorCode } from './error-codes.js';

/** Typed facts of an error (slot, table, LSN, SQLSTATE …); never row data or secrets. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface AppErrorOptions {
  readonly cause?: unknown;
  readonly facts?: ErrorFacts;
  /** What the operator does about this very instance, for example the exact SQL; default: the code's general remedy. */
  readonly remedy?: string;
}

/**
 * Every failure that crosses a library's border. `code` names it in the operator's manual, `retriable` says whether
 * trying again can help without a person. Programmer errors (TypeError and friends) are never wrapped as retriable.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retriable: boolean;
  readonly facts: ErrorFacts;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retriable = ERROR_CODES[code].retriable;
    this.facts = options.facts ?? {};
    this.remedy = options.remedy ?? ERROR_CODES[code].remedy;
  }
}

/**
 * An AppError as it is; anything else as code `INTERNAL` (not retriable: a defect must not loop). What may quote data
 * is not taken over: a parser's text quotes its input, and a thrown value may be anything.
 */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL', messageOf(error), { cause: error });
}

function messageOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'SyntaxError (its text may quote data and is not shown)';
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : `not an error but a value was thrown (${typeof error})`;
}
