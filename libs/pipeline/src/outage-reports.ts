import { isSameTrouble, type AppError, type ErrorReporter } from '#lib/kernel';
import { sideOf, type Side } from './side-of.js';

const UNREACHABLE: ReadonlySet<string> = new Set(['BROKER_UNREACHABLE', 'PG_CONNECTION_LOST']);

/** Reports each outage once, whoever notices it first and however often it ends an attempt. */
export class OutageReports {
  private readonly current = new Map<Side | undefined, AppError>();
  private highest = 0n;

  constructor(private readonly reporter: ErrorReporter) {}

  met(error: AppError): void {
    const side = sideOf(error);
    if (!isSameTrouble(this.current.get(side), error)) this.reporter.report(error, 'error');
    this.current.set(side, error);
  }

  over(side: Side): void {
    this.current.delete(side);
  }

  /** A health check passed: the side can be reached, whatever else it refuses. */
  reached(side: Side): void {
    if (UNREACHABLE.has(this.current.get(side)?.code ?? '')) this.over(side);
  }

  /** Events flow again: what failed before has passed. A failure that comes back at the same position has not. */
  confirmed(lsn: bigint): void {
    if (lsn <= this.highest) return;
    this.highest = lsn;
    this.current.clear();
  }
}
