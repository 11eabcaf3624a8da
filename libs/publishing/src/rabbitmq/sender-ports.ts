import type { AppError, Clock, Logger, Metrics } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { SettleBatch } from '../settle-batch.js';

/** Why sending stopped. */
export type SendFailure =
  /** The broker would not take a message for now; what is on the wire is still answered. */
  | { readonly kind: 'refused'; readonly error: AppError }
  /** The connection broke, or confirmations stay away. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** The broker closed the channel over a message that is too large, whose limit is known now. */
  | { readonly kind: 'tooLarge' };

export interface SenderParts {
  readonly window: EventWindow;
  readonly settle: SettleBatch;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  readonly metadata: boolean;
  readonly exchange: string;
  readonly ordering: 'strict' | 'relaxed';
  readonly onPoison: 'halt' | 'deadLetter' | 'skip';
  readonly unroutable: 'warn' | 'block';
  readonly deadLetterKey: string;
}

/** What a sender tells; each is called synchronously. */
export interface SenderHooks {
  /** Sending stopped and has to be resumed. */
  stopped(failure: SendFailure): void;
  fatal(error: AppError): void;
  /** The first confirmation since sending was resumed. */
  stored(): void;
}
