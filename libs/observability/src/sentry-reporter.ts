import type { Event } from '@sentry/node';
import { withTimeout, type AppError, type ErrorReporter, type ReportSeverity } from '#lib/kernel';
import { sentryEvent, type EventTools, type ReportContext } from './sentry-event.js';

/** What is used of Sentry's client. */
export interface SentryClient {
  captureEvent(event: Event): unknown;
  /** Resolves with true when nothing waits any more; rejects when something could not be sent. */
  flush(timeoutMs: number): Promise<boolean>;
}

/** Reports to Sentry. What becomes of a report never reaches the service: it is sent, or it is not. */
export class SentryErrorReporter implements ErrorReporter {
  constructor(
    private readonly client: SentryClient,
    private readonly context: ReportContext,
    private readonly tools: EventTools,
  ) {}

  report(error: AppError, severity: ReportSeverity): void {
    try {
      this.client.captureEvent(sentryEvent(error, severity, this.context, this.tools));
    } catch {
      // The log has the error.
    }
  }

  async flush(timeoutMs: number): Promise<void> {
    // Sentry's own limit holds for each of two waits.
    const expired = () => new Error('not everything was sent in time');
    await withTimeout(this.flushed(timeoutMs), timeoutMs, expired).catch(() => undefined);
  }

  private async flushed(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = deadlineMs - performance.now()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- a report that failed ends the wait for the others
        await this.client.flush(Math.ceil(leftMs));
        return;
      } catch {
        // Again for what is left.
      }
    }
  }
}
