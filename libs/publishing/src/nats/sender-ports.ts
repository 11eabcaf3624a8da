import type { AppError, Clock, Logger, Metrics } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { SettleBatch } from '../settle-batch.js';

/** Why sending stopped. */
export type SendFailure =
  /** The stream's last message is not the one that the chain names. */
  | { readonly kind: 'wrongLast' }
  /** The stream would not take a message for now. */
  | { readonly kind: 'refused'; readonly error: AppError }
  /** The connection broke, or answers stay away. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** Nothing is wrong with the broker: something has to be sent in another way. */
  | { readonly kind: 'again' }
  /** The stream does not store the subject, as far as is known. */
  | { readonly kind: 'uncovered'; readonly subject: string };

export interface SenderParts {
  readonly window: EventWindow;
  readonly settle: SettleBatch;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  readonly metadata: boolean;
  readonly onPoison: 'halt' | 'deadLetter' | 'skip';
  readonly deadLetterSubject: string;
}

export interface SenderHooks {
  /** Sending stopped; what is on the wire may still be answered. Called once until `resume`. */
  stopped(failure: SendFailure): void;
  fatal(error: AppError): void;
  /** The first message after a resume was stored: the broker takes events again. */
  stored(): void;
}
