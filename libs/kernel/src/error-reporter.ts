import type { AppError } from './app-error.js';

/** How bad it is: `error` is being mended by trying again, `fatal` ends the process. */
export type ReportSeverity = 'error' | 'fatal';

/** Where failures that people should hear of are reported, beside the log. Calls are cheap and never throw. */
export interface ErrorReporter {
  /** Reports once; whoever calls decides what is news (a failure that repeats is not). */
  report(error: AppError, severity: ReportSeverity): void;
  /** Resolves when everything reported has arrived, or after `timeoutMs`. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
}

/** Reports that go nowhere; without Sentry, and for tests and tools. */
export const noReports: ErrorReporter = {
  report: () => undefined,
  flush: () => Promise.resolve(),
};
