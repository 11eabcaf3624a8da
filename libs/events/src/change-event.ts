/** What happened to a row (or, for TRUNCATE, to a table). */
export type Action = 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';

/** The transaction an event belongs to; one object per transaction, shared by its events. */
export interface TransactionInfo {
  /** Begin's final LSN. */
  readonly commitLsn: bigint;
  /** The same as PostgreSQL prints it. */
  readonly lsnText: string;
  readonly xid: number;
  /** RFC 3339, UTC, microseconds, trailing zeros trimmed: the event's commitTime. */
  readonly commitTime: string;
  /** Commit time in milliseconds since 1970, for latency metrics. */
  readonly commitTimeMs: number;
}

/** Where an event goes; one object per relation, shared by its events. */
export interface Route {
  readonly schema: string;
  readonly table: string;
  /** The broker's own name: subject, topic or routing key, already free of forbidden characters. */
  readonly topic: string;
}

/**
 * One encoded event on its way to the broker. The JSON is bytes start..end of `slab`; many events share a slab. The bytes
 * stay as they are until the event was reported durable; afterwards they may be overwritten at any time.
 */
export interface OutgoingEvent {
  /** Counts 1, 2, 3 … within one session, without gaps. Publishers report durability by it. */
  readonly seq: number;
  readonly route: Route;
  readonly tx: TransactionInfo;
  /** Place in the transaction, counted before filters. */
  readonly ordinal: number;
  readonly action: Action;
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
  /** The ordering key: bytes keyStart..keyEnd of `keySlab` (often the event's own slab). */
  readonly keySlab: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  /**
   * Set for TRUNCATE, for an UPDATE that changes its ordering key, and for the first event of a table whose key columns
   * or topic are others than before: it is sent only when every earlier event is durable, and later ones wait until it
   * is. A publisher that keeps one total order may ignore it.
   */
  readonly barrier: boolean;
}

/** The body starts with `{"id":"`: the id is the 36 bytes after it. */
export const ID_OFFSET = 7;
export const ID_LENGTH = 36;

/** The event's id, read from its body. */
export function eventId(event: Pick<OutgoingEvent, 'slab' | 'start'>): string {
  return event.slab.toString('latin1', event.start + ID_OFFSET, event.start + ID_OFFSET + ID_LENGTH);
}
