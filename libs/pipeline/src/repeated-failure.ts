import { AppError } from '#lib/kernel';

/** Classes that say nothing about what is at the position: connection, resources, operator intervention. */
const PASSING_CLASSES = new Set(['08', '53', '57']);
/** A slot held by another process is how a standby waits. */
const OBJECT_IN_USE = '55006';
/** A lock that another transaction holds. */
const LOCK_NOT_AVAILABLE = '55P03';
const LIMIT = 3;

/**
 * Finds the failure that trying again cannot mend: the same SQLSTATE three times in a row while the confirmed position
 * stands still.
 */
export class RepeatedFailure {
  private sqlstate: string | undefined;
  private at: bigint | undefined;
  private count = 0;

  /** The error itself, or PG_REPEATED (not retriable) when it came too often at this confirmed LSN. */
  judge(error: AppError, confirmed: bigint | undefined): AppError {
    const sqlstate = error.facts.sqlstate;
    if (!error.retriable || typeof sqlstate !== 'string' || isPassing(sqlstate)) {
      this.sqlstate = undefined;
      this.count = 0;
      return error;
    }
    this.count = sqlstate === this.sqlstate && confirmed === this.at ? this.count + 1 : 1;
    this.sqlstate = sqlstate;
    this.at = confirmed;
    if (this.count < LIMIT) return error;
    return new AppError('PG_REPEATED', `${error.message} (SQLSTATE ${sqlstate}, ${LIMIT} times at the same position)`, {
      cause: error,
      facts: error.facts,
      remedy: error.remedy,
    });
  }
}

function isPassing(sqlstate: string): boolean {
  return PASSING_CLASSES.has(sqlstate.slice(0, 2)) || sqlstate === OBJECT_IN_USE || sqlstate === LOCK_NOT_AVAILABLE;
}
