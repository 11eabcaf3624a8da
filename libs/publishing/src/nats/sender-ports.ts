import type { AppError, Clock, Logger, Metrics } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { SettleBatch } from '../settle-batch.js';
import type { SendFailure } from './send-failure.js';

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
