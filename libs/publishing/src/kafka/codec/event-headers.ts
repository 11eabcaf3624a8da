import { ID_LENGTH, ID_OFFSET, type Action, type OutgoingEvent, type Route, type TransactionInfo } from '#lib/events';
import { lengthPrefixed, sizeOfVarint, writeVarint } from './varint.js';

/** One header, both parts with their lengths. */
const header = (name: string, value: string) =>
  Buffer.concat([lengthPrefixed(Buffer.from(name)), lengthPrefixed(Buffer.from(value))]);

const ID = Buffer.concat([lengthPrefixed(Buffer.from('id')), varint(ID_LENGTH)]);
const CONTENT_TYPE = header('content-type', 'application/json');
const LSN = lengthPrefixed(Buffer.from('lsn'));
const XID = lengthPrefixed(Buffer.from('xid'));
const COMMIT_TIME = lengthPrefixed(Buffer.from('commit-time'));
const ORDINAL = lengthPrefixed(Buffer.from('ordinal'));
const ACTIONS: Readonly<Record<Action, Buffer>> = {
  INSERT: header('action', 'INSERT'),
  UPDATE: header('action', 'UPDATE'),
  DELETE: header('action', 'DELETE'),
  TRUNCATE: header('action', 'TRUNCATE'),
};
const NOTHING = Buffer.alloc(0);
/** `content-type`, `lsn` (at most 17 characters), `xid` (10) and `commit-time` (27, more for years of five digits). */
const MAX_TX_PART_BYTES = 256;
const PLAIN_HEADERS = 4;
const METADATA_HEADERS = 8;

/**
 * A record's headers: `id`, `content-type`, `lsn`, `ordinal` and, with metadata, `xid`, `commit-time`, `table`,
 * `action`. What a transaction's events have in common is encoded once; one object serves all partitions.
 */
export class EventHeaders {
  private tx: TransactionInfo | undefined;
  private readonly txPart: Buffer;
  private txPartBytes: number;
  private route: Route | undefined;
  private routePart = NOTHING;
  private readonly count: number;

  constructor(private readonly metadata: boolean) {
    this.count = metadata ? METADATA_HEADERS : PLAIN_HEADERS;
    this.txPart = Buffer.alloc(MAX_TX_PART_BYTES);
    this.txPartBytes = CONTENT_TYPE.copy(this.txPart);
  }

  /** Bytes of the headers and their count. `write` must follow for the same event. */
  sizeOf(event: OutgoingEvent): number {
    if (event.tx !== this.tx) this.encodeTransaction(event.tx);
    const ordinalDigits = digitsOf(event.ordinal);
    const plain =
      1 + ID.length + ID_LENGTH + this.txPartBytes + ORDINAL.length + sizeOfVarint(ordinalDigits) + ordinalDigits;
    if (!this.metadata) return plain;
    if (event.route !== this.route) this.encodeRoute(event.route);
    return plain + this.routePart.length + ACTIONS[event.action].length;
  }

  /** Writes count and headers of the event that `sizeOf` was asked about; gives the offset after them. */
  write(target: Buffer, offset: number, event: OutgoingEvent): number {
    let at = writeVarint(target, offset, this.count);
    at = copy(ID, 0, ID.length, target, at);
    const idStart = event.start + ID_OFFSET;
    at = copy(event.slab, idStart, idStart + ID_LENGTH, target, at);
    at = copy(this.txPart, 0, this.txPartBytes, target, at);
    at = copy(ORDINAL, 0, ORDINAL.length, target, at);
    const digits = digitsOf(event.ordinal);
    at = writeVarint(target, at, digits);
    at = writeDigits(target, at, event.ordinal, digits);
    if (!this.metadata) return at;
    at = copy(this.routePart, 0, this.routePart.length, target, at);
    const action = ACTIONS[event.action];
    return copy(action, 0, action.length, target, at);
  }

  private encodeTransaction(tx: TransactionInfo): void {
    this.tx = tx;
    const { txPart, metadata } = this;
    let at = writeHeader(txPart, CONTENT_TYPE.length, LSN, tx.lsnText);
    if (metadata) {
      at = writeHeader(txPart, at, XID, String(tx.xid));
      at = writeHeader(txPart, at, COMMIT_TIME, tx.commitTime);
    }
    this.txPartBytes = at;
  }

  private encodeRoute(route: Route): void {
    this.route = route;
    this.routePart = header('table', `${route.schema}.${route.table}`);
  }
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(sizeOfVarint(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

/** Writes a header whose value is of ASCII characters. */
function writeHeader(target: Buffer, offset: number, name: Buffer, value: string): number {
  let at = copy(name, 0, name.length, target, offset);
  at = writeVarint(target, at, value.length);
  for (let i = 0; i < value.length; i++) target[at++] = value.charCodeAt(i);
  return at;
}

/** For a few dozen bytes a loop is faster than Buffer.copy, which allocates a view. */
function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): number {
  let at = offset;
  for (let i = start; i < end; i++) target[at++] = source[i];
  return at;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  return digits;
}

function writeDigits(target: Uint8Array, offset: number, value: number, digits: number): number {
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at--) {
    target[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return offset + digits;
}
