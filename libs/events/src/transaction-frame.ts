import { CommitTimeFormatter } from './commit-time.js';
import { writeBytes, writeSlice } from './json-writer.js';

const EMPTY_OLD = ',"dataOld":{}';
const BEFORE_TIME = `${EMPTY_OLD},"commitTime":"`;
const AFTER_TIME = '","unchangedToastedValues":[';
/** Beyond any commit time that PostgreSQL can print. */
const MAX_TIME_LENGTH = 64;

/**
 * The bytes between the rows and the names of the unchanged columns, the same for all events of a transaction. Kept in
 * one buffer that the next transaction overwrites: a transaction of one row is the common case and must stay cheap.
 */
export class TransactionFrame {
  private readonly commitTimes = new CommitTimeFormatter();
  private readonly bytes = Buffer.alloc(BEFORE_TIME.length + MAX_TIME_LENGTH + AFTER_TIME.length);
  /** What is in use of them. */
  private used = this.bytes.subarray(0, 0);

  constructor() {
    this.bytes.write(BEFORE_TIME);
  }

  /** Takes the transaction's commit timestamp (microseconds since 2000-01-01 UTC) and returns it as text. */
  beginTransaction(commitTimestamp: bigint): string {
    const commitTime = this.commitTimes.format(commitTimestamp);
    const rest = this.bytes.write(commitTime + AFTER_TIME, BEFORE_TIME.length);
    this.used = this.bytes.subarray(0, BEFORE_TIME.length + rest);
    return commitTime;
  }

  /** Writes `,"dataOld":{},"commitTime":"…","unchangedToastedValues":[` at `at`; returns the offset after it. */
  writeWithEmptyOld(out: Buffer, at: number): number {
    return writeBytes(out, at, this.used);
  }

  /** The same for an event whose `dataOld` is written. */
  writeAfterRows(out: Buffer, at: number): number {
    return writeSlice(out, at, this.used, EMPTY_OLD.length, this.used.length);
  }
}
