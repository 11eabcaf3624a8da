import { ID_LENGTH, ID_OFFSET, type OutgoingEvent, type TransactionInfo } from '#lib/events';
import type { IdBearer } from './id-copy.js';

const SLAB_BYTES = 64 * 1024;
const VERSION = Buffer.from('NATS/1.0\r\n');
const MSG_ID = Buffer.from('Nats-Msg-Id: ');
const LAST_MSG_ID = Buffer.from('\r\nNats-Expected-Last-Msg-Id: ');
const LAST_SEQUENCE = '\r\nNats-Expected-Last-Sequence: ';
const END = Buffer.from('\r\n\r\n');
/** Room for everything but the table's name. */
const FIXED_BYTES = 512;

/**
 * Writes a message's headers as bytes into slabs that are never reused (the client keeps views of them until it
 * flushes): `Nats-Msg-Id`, the guard of the chain, `Content-Type`, `Wal-Lsn`, `Wal-Ordinal` and, with metadata,
 * `Wal-Xid`, `Wal-Commit-Time`, `Wal-Table`, `Wal-Action`.
 * Format: https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
 */
export class HeaderWriter {
  private slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  private offset = 0;
  private tx: TransactionInfo | undefined;
  private txPart = Buffer.alloc(0);

  constructor(private readonly metadata: boolean) {}

  /**
   * @param withId false leaves `Nats-Msg-Id` out, so that the server cannot drop the message as a duplicate
   * @param previous the message that must be the stream's last one, by its id
   * @param lastSeq the sequence that must be the stream's last one; < 0 = not asked for
   */
  write(event: OutgoingEvent, withId: boolean, previous: IdBearer | undefined, lastSeq: number): Buffer {
    const names = this.metadata ? metadataText(event) : '';
    this.reserve(FIXED_BYTES + names.length * 3);
    const start = this.offset;
    this.bytes(VERSION, 0, VERSION.length);
    if (withId) {
      this.bytes(MSG_ID, 0, MSG_ID.length);
      this.id(event);
    } else {
      // The next header begins with a line end; take back the version line's.
      this.offset -= 2;
    }
    if (previous !== undefined) {
      this.bytes(LAST_MSG_ID, 0, LAST_MSG_ID.length);
      this.id(previous);
    }
    if (lastSeq >= 0) this.text(`${LAST_SEQUENCE}${lastSeq}`);
    if (event.tx !== this.tx) {
      this.tx = event.tx;
      this.txPart = Buffer.from(`\r\nContent-Type: application/json\r\nWal-Lsn: ${event.tx.lsnText}\r\nWal-Ordinal: `);
    }
    this.bytes(this.txPart, 0, this.txPart.length);
    this.number(event.ordinal);
    if (names !== '') this.text(names);
    this.bytes(END, 0, END.length);
    return this.slab.subarray(start, this.offset);
  }

  private reserve(bytes: number): void {
    if (this.offset + bytes <= this.slab.length) return;
    this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.offset = 0;
  }

  private id(event: IdBearer): void {
    const from = event.start + ID_OFFSET;
    this.bytes(event.slab, from, from + ID_LENGTH);
  }

  /** For a few dozen bytes a loop is faster than Buffer.copy, which allocates a view. */
  private bytes(source: Uint8Array, from: number, to: number): void {
    const { slab } = this;
    let { offset } = this;
    for (let i = from; i < to; i++) slab[offset++] = source[i] ?? 0;
    this.offset = offset;
  }

  private text(text: string): void {
    this.offset += this.slab.write(text, this.offset, 'utf8');
  }

  private number(value: number): void {
    const { slab } = this;
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    this.offset += digits;
    let rest = value;
    for (let at = this.offset - 1; digits > 0; digits--, at--) {
      slab[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
}

function metadataText(event: OutgoingEvent): string {
  const { tx, route, action } = event;
  const table = `${route.schema}.${route.table}`.replace(/[\r\n]/g, '_');
  return `\r\nWal-Xid: ${tx.xid}\r\nWal-Commit-Time: ${tx.commitTime}\r\nWal-Table: ${table}\r\nWal-Action: ${action}`;
}
