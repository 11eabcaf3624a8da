import type { SlotReading } from '#lib/kernel';

/** What identifies the history that a stream reads; part of every event id. */
export interface SourceIdentity {
  readonly systemIdentifier: string;
  readonly databaseOid: number;
  readonly publications: readonly string[];
  /** For example 180004. */
  readonly serverVersion: number;
}

/** A table that the publication holds when the stream opens. */
export interface KnownTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** Primary key columns in key order; empty = none. */
  readonly primaryKey: readonly string[];
}

/** Where a stream delivers what it reads. Calls come one at a time, in order. */
export interface FrameSink {
  /**
   * One pgoutput message, bytes start..end of `buffer`, valid only during the call. A returned promise holds back
   * everything after it until it resolves. A throw (or rejection) ends the stream with that error.
   */
  message(buffer: Buffer, start: number, end: number): Promise<void> | undefined;
  /** A keepalive: the server has sent everything up to walEnd. */
  keepalive(walEnd: bigint): void;
  /** Everything that arrived together was delivered: the moment to hand on what was gathered. */
  gulpEnd(): void;
}

/** Who closes the valve; it is open when nobody does. */
export type ValveReason = 'backpressure' | 'stopping' | 'coalescing' | 'sink';

/** One conversation with the walsender, from START_REPLICATION at the server's confirmed position to its end. */
export interface ChangeStream {
  readonly identity: SourceIdentity;
  readonly knownTables: readonly KnownTable[];
  /** The end of the WAL just before they were read. */
  readonly knownAtLsn: bigint;
  /** The slot's confirmed_flush_lsn when the stream opened. */
  readonly confirmedAtStart: bigint;
  /** Begins delivery; to be called once. */
  start(sink: FrameSink): void;
  /** Closes the valve for a reason; reading stops, status messages go on. */
  hold(reason: ValveReason): void;
  release(reason: ValveReason): void;
  /**
   * Everything before this LSN is durable. Reported to the server within 100 ms (at once when it asks).
   * Must not go back nor pass what was received in this stream: throws RangeError (a defect) when it does.
   */
  confirm(lsn: bigint): void;
  /** Milliseconds (monotonic clock) since the server was last heard. */
  silentForMs(): number;
  /** The primary key columns of a table, from the catalog as it is now; empty = none. */
  primaryKey(relationOid: number): Promise<readonly string[]>;
  /** Reads slot and publication on the control connection, as a sign of life. @throws AppError */
  checkHealth(signal: AbortSignal): Promise<SlotReading | undefined>;
  /**
   * Settles when the conversation is over: rejects with an AppError when it broke, resolves after stop().
   */
  readonly closed: Promise<void>;
  /** Final status, CopyDone, drain until the server's CopyDone (bounded by deadlineMs), Terminate. Never throws. */
  stop(deadlineMs: number): Promise<void>;
  /** Cuts the connection at once; for failures. */
  destroy(): void;
}

/** Opens streams: preflight, publication and slot management, session settings. Fresh connections each time. */
export interface ChangeSource {
  /** @throws AppError; a slot held by another process is SLOT_IN_USE (retriable). */
  open(signal: AbortSignal): Promise<ChangeStream>;
  /** Looks at the slot over a connection of its own; undefined = there is none. @throws AppError */
  readSlot(signal: AbortSignal): Promise<SlotReading | undefined>;
}
