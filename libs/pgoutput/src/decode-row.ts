import {
  TUPLE_NULL,
  TUPLE_TEXT,
  TUPLE_UNCHANGED,
  type DeleteMessage,
  type InsertMessage,
  type Relation,
  type Tuple,
  type UpdateMessage,
} from './messages.js';
import { failAt, kindName } from './protocol-error.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NEW_TUPLE = 0x4e; // 'N'
const OLD_KEY = 0x4b; // 'K'
const OLD_ROW = 0x4f; // 'O'
const TUPLE_BINARY = 0x62; // 'b'
const FIRST_WIDTH = 64;

/** Where the first tuple starts: after the kind byte and the relation's OID. */
const BODY_OFFSET = 5;

const EMPTY = Buffer.alloc(0);
/** Before the first row. Its OID is none that a message can hold. */
const NO_RELATION: Relation = Object.freeze({ oid: -1, schema: '', table: '', replicaIdentity: 'n', columns: [] });

/** A tuple that is filled anew for each row; columns without text have starts[i] = ends[i]. */
class ReusedTuple implements Tuple {
  buffer: Buffer = EMPTY;
  count = 0;
  kinds = new Uint8Array(FIRST_WIDTH);
  starts = new Int32Array(FIRST_WIDTH);
  ends = new Int32Array(FIRST_WIDTH);

  /** Makes room for `width` columns; doubling keeps growing relations from reallocating each time. */
  ensureWidth(width: number): void {
    if (width <= this.kinds.length) return;
    const size = Math.max(width, this.kinds.length * 2);
    this.kinds = new Uint8Array(size);
    this.starts = new Int32Array(size);
    this.ends = new Int32Array(size);
  }
}

/**
 * Decodes Insert, Update and Delete into messages that it owns and overwrites at the next call, so that a row costs no
 * allocation. One instance per decoder.
 */
export class RowDecoder {
  private readonly newTuple = new ReusedTuple();
  private readonly oldTuple = new ReusedTuple();
  private readonly insertMessage: Mutable<InsertMessage> = {
    type: 'insert',
    relation: NO_RELATION,
    newTuple: this.newTuple,
  };
  private readonly updateMessage: Mutable<UpdateMessage> = {
    type: 'update',
    relation: NO_RELATION,
    oldKind: 'none',
    oldTuple: this.oldTuple,
    newTuple: this.newTuple,
  };
  private readonly deleteMessage: Mutable<DeleteMessage> = {
    type: 'delete',
    relation: NO_RELATION,
    oldKind: 'key',
    oldTuple: this.oldTuple,
  };
  private lastRelation: Relation = NO_RELATION;

  constructor(private readonly relations: ReadonlyMap<number, Relation>) {}

  /** To be called when a relation was announced: the tuples grow to its width. */
  relationChanged(relation: Relation): void {
    this.lastRelation = NO_RELATION;
    this.newTuple.ensureWidth(relation.columns.length);
    this.oldTuple.ensureWidth(relation.columns.length);
  }

  /** Insert: Int32 relation OID, 'N', tuple. */
  insert(buffer: Buffer, start: number, end: number): InsertMessage {
    const message = this.insertMessage;
    message.relation = this.relationOf(buffer, start, end);
    const kindAt = start + BODY_OFFSET;
    expectNew(buffer, start, kindAt, end);
    const width = message.relation.columns.length;
    finish(buffer, start, decodeTuple(this.newTuple, buffer, start, kindAt + 1, end, width), end);
    return message;
  }

  /** Update: Int32 relation OID, optionally 'K' or 'O' and the old tuple, 'N', new tuple. */
  update(buffer: Buffer, start: number, end: number): UpdateMessage {
    const message = this.updateMessage;
    message.relation = this.relationOf(buffer, start, end);
    const width = message.relation.columns.length;
    let at = start + BODY_OFFSET;
    message.oldKind = 'none';
    this.oldTuple.count = 0;
    if (at < end && (buffer[at] === OLD_KEY || buffer[at] === OLD_ROW)) {
      message.oldKind = buffer[at] === OLD_KEY ? 'key' : 'full';
      at = decodeTuple(this.oldTuple, buffer, start, at + 1, end, width);
    }
    expectNew(buffer, start, at, end);
    finish(buffer, start, decodeTuple(this.newTuple, buffer, start, at + 1, end, width), end);
    return message;
  }

  /** Delete: Int32 relation OID, 'K' or 'O', tuple. */
  delete(buffer: Buffer, start: number, end: number): DeleteMessage {
    const message = this.deleteMessage;
    message.relation = this.relationOf(buffer, start, end);
    const kindAt = start + BODY_OFFSET;
    if (kindAt >= end) failAt(buffer, start, kindAt, 'old row is missing');
    const kind = buffer[kindAt];
    if (kind !== OLD_KEY && kind !== OLD_ROW) {
      failAt(buffer, start, kindAt, `expected an old row ('K' or 'O'), found '${kindName(kind)}'`);
    }
    message.oldKind = kind === OLD_KEY ? 'key' : 'full';
    const width = message.relation.columns.length;
    finish(buffer, start, decodeTuple(this.oldTuple, buffer, start, kindAt + 1, end, width), end);
    return message;
  }

  private relationOf(buffer: Buffer, start: number, end: number): Relation {
    if (end - start < BODY_OFFSET) failAt(buffer, start, start + 1, 'relation OID is cut off');
    const oid = int32(buffer, start + 1) >>> 0;
    // Rows of one table come in runs: the map is asked only when the table changes.
    if (oid === this.lastRelation.oid) return this.lastRelation;
    const relation = this.relations.get(oid);
    if (relation === undefined) failAt(buffer, start, start + 1, `unknown relation OID ${oid}`);
    this.lastRelation = relation;
    return relation;
  }
}

/**
 * TupleData: Int16 number of columns; for each column its kind, and for text Int32 length and the bytes.
 * Returns the offset after it.
 */
function decodeTuple(
  tuple: ReusedTuple,
  buffer: Buffer,
  start: number,
  from: number,
  end: number,
  width: number,
): number {
  if (end - from < 2) failAt(buffer, start, from, 'number of columns is cut off');
  const count = (buffer[from] << 8) | buffer[from + 1];
  if (count !== width) failAt(buffer, start, from, `tuple has ${count} columns, its relation ${width}`);
  tuple.buffer = buffer;
  tuple.count = count;
  const { kinds, starts, ends } = tuple;
  let at = from + 2;
  for (let index = 0; index < count; index += 1) {
    if (at >= end) failAt(buffer, start, at, `column ${index} is cut off`);
    const kind = buffer[at];
    at += 1;
    kinds[index] = kind;
    if (kind === TUPLE_TEXT) {
      if (end - at < 4) failAt(buffer, start, at, `length of column ${index} is cut off`);
      const length = int32(buffer, at);
      if (length < 0 || length > end - at - 4) failLength(buffer, start, at, index, length, end);
      at += 4;
      starts[index] = at;
      at += length;
      ends[index] = at;
    } else if (kind === TUPLE_NULL || kind === TUPLE_UNCHANGED) {
      starts[index] = at;
      ends[index] = at;
    } else {
      failKind(buffer, start, at - 1, index, kind);
    }
  }
  return at;
}

function int32(buffer: Buffer, at: number): number {
  return (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3];
}

function expectNew(buffer: Buffer, start: number, at: number, end: number): void {
  if (at >= end) failAt(buffer, start, at, 'new row is missing');
  if (buffer[at] !== NEW_TUPLE) {
    failAt(buffer, start, at, `expected a new row ('N'), found '${kindName(buffer[at])}'`);
  }
}

function finish(buffer: Buffer, start: number, at: number, end: number): void {
  if (at !== end) failAt(buffer, start, at, `${end - at} bytes after the message's end`);
}

function failLength(buffer: Buffer, start: number, at: number, column: number, length: number, end: number): never {
  const left = end - at - 4;
  failAt(buffer, start, at, `column ${column} claims ${length} bytes, ${left} are left`);
}

function failKind(buffer: Buffer, start: number, at: number, column: number, kind: number): never {
  const reason =
    kind === TUPLE_BINARY ? `column ${column} is binary; text was asked for` : `column ${column} is of unknown kind`;
  failAt(buffer, start, at, `${reason} ('${kindName(kind)}')`);
}
