/**
 * The messages of the logical replication protocol, version 1, as plugin pgoutput sends them.
 * Format: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 *
 * OIDs and xids are unsigned 32 bit, LSNs and timestamps 64 bit. Row messages (Insert, Update, Delete) and their tuples
 * are owned by the decoder and overwritten by its next call: nothing in them may be kept.
 */
export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Part of the replica identity; REPLICA IDENTITY FULL flags every column. */
  readonly isKey: boolean;
}

/** d = default (primary key), n = nothing, f = full row, i = index. */
export type ReplicaIdentity = 'd' | 'n' | 'f' | 'i';

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

/** Kinds of a column in a tuple, as the bytes on the wire. */
export const TUPLE_NULL = 0x6e; // 'n'
export const TUPLE_UNCHANGED = 0x75; // 'u': an out-of-line value the UPDATE did not touch
export const TUPLE_TEXT = 0x74; // 't'

/**
 * Where the columns of one row lie in `buffer`; column i is of `kinds[i]`, its text is bytes starts[i]..ends[i], which
 * are equal for a column without text.
 */
export interface Tuple {
  readonly buffer: Buffer;
  readonly count: number;
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export interface BeginMessage {
  readonly type: 'begin';
  /** LSN of the commit record. */
  readonly commitLsn: bigint;
  /** Microseconds since 2000-01-01 UTC. */
  readonly commitTimestamp: bigint;
  readonly xid: number;
}

export interface CommitMessage {
  readonly type: 'commit';
  readonly commitLsn: bigint;
  /** End of the transaction: confirming exactly this position never skips the next one. */
  readonly endLsn: bigint;
  readonly commitTimestamp: bigint;
}

export interface OriginMessage {
  readonly type: 'origin';
  readonly originLsn: bigint;
  readonly name: string;
}

export interface RelationMessage {
  readonly type: 'relation';
  readonly relation: Relation;
}

export interface TypeMessage {
  readonly type: 'type';
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}

export interface InsertMessage {
  readonly type: 'insert';
  readonly relation: Relation;
  readonly newTuple: Tuple;
}

export interface UpdateMessage {
  readonly type: 'update';
  readonly relation: Relation;
  /** 'none': no old row sent; 'key': its replica identity columns (others are null); 'full': the whole old row. */
  readonly oldKind: 'none' | 'key' | 'full';
  /** Meaningless when oldKind is 'none'. */
  readonly oldTuple: Tuple;
  readonly newTuple: Tuple;
}

export interface DeleteMessage {
  readonly type: 'delete';
  readonly relation: Relation;
  readonly oldKind: 'key' | 'full';
  readonly oldTuple: Tuple;
}

export interface TruncateMessage {
  readonly type: 'truncate';
  readonly relations: readonly Relation[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

export interface LogicalMessage {
  readonly type: 'message';
  readonly transactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  /** A copy. */
  readonly content: Buffer;
}

export type Message =
  | BeginMessage
  | CommitMessage
  | OriginMessage
  | RelationMessage
  | TypeMessage
  | InsertMessage
  | UpdateMessage
  | DeleteMessage
  | TruncateMessage
  | LogicalMessage;
