import type { Writable } from 'node:stream';
import type { Clock, Logger, Metrics } from '#lib/kernel';

/** What every driver may use. */
export interface PublisherDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default: the process's clock. */
  readonly clock?: Clock;
  /** Where the stdout publisher writes; default: process.stdout. */
  readonly stdout?: Writable;
}
