import type { BeginMessage, DeleteMessage, InsertMessage, Tuple, UpdateMessage } from '#lib/pgoutput';
import { formatLsn } from '#lib/pgoutput';
import { ID_OFFSET, type Action, type OutgoingEvent, type TransactionInfo } from './change-event.js';
import { commitTimeMs } from './commit-time.js';
import { EventIds, type EventSource } from './event-id.js';
import { MAX_EXPANSION, writeBytes } from './json-writer.js';
import { keyChanged, maxKeyLength, writeKey } from './ordering-key.js';
import type { RowPlan } from './row-plan.js';
import { measureRow, RowWriter, textLength } from './row-writer.js';
import { Slabs } from './slabs.js';
import { TransactionFrame } from './transaction-frame.js';

/** Up to this bound room is reserved for the worst case; above it the row is measured first. */
const MEASURE_FROM_BYTES = 32 * 1024;

/**
 * Turns decoded rows into events: bytes of JSON in slabs that are not written again before `release`. One per session; calls come in
 * stream order. The messages are read during the call only.
 *
 * Every method takes `seq`, the event's number in the session, and `ordinal`, its place in the transaction counted
 * before filters. They throw AppError PROTOCOL when a value's text is not of its type, and leave nothing behind then.
 */
export class EventEncoder {
  private readonly ids: EventIds;
  private readonly frame = new TransactionFrame();
  private readonly slabs = new Slabs();
  private readonly rows = new RowWriter();
  private begin: BeginMessage | undefined;
  /** Made when the transaction has its first published event. */
  private tx: TransactionInfo | undefined;

  constructor(source: EventSource) {
    this.ids = new EventIds(source);
  }

  /** Starts a transaction: all events until the next call belong to it. Costs nothing until its first event. */
  beginTransaction(begin: BeginMessage): void {
    this.begin = begin;
    this.tx = undefined;
  }

  /** Every event before `seq` is durable and nobody reads its bytes any more: their memory may serve again. */
  release(seq: number): void {
    this.slabs.release(seq);
  }

  insert(plan: RowPlan, message: InsertMessage, seq: number, ordinal: number): OutgoingEvent {
    const { newTuple } = message;
    this.startEvent(plan, 'INSERT', ordinal, newTuple, undefined);
    const { slab } = this.slabs;
    let at = this.slabs.start + plan.heads.INSERT.length;
    at = this.rows.writeNew(plan, newTuple, undefined, slab, at);
    at = this.frame.writeWithEmptyOld(slab, at);
    return this.finishEvent(plan, 'INSERT', seq, ordinal, at, newTuple, undefined, false);
  }

  update(plan: RowPlan, message: UpdateMessage, seq: number, ordinal: number): OutgoingEvent {
    const { newTuple, oldKind } = message;
    const oldTuple = oldKind === 'none' ? undefined : message.oldTuple;
    this.startEvent(plan, 'UPDATE', ordinal, newTuple, oldTuple);
    const { slab } = this.slabs;
    let at = this.slabs.start + plan.heads.UPDATE.length;
    at = this.rows.writeNew(plan, newTuple, oldKind === 'full' ? oldTuple : undefined, slab, at);
    if (oldTuple === undefined) {
      at = this.frame.writeWithEmptyOld(slab, at);
    } else {
      at = writeBytes(slab, at, DATA_OLD);
      at = this.rows.writeOld(plan, oldTuple, oldKind === 'key', slab, at);
      at = this.frame.writeAfterRows(slab, at);
    }
    const barrier = plan.needsKeys && keyChanged(plan, message);
    return this.finishEvent(plan, 'UPDATE', seq, ordinal, at, newTuple, oldTuple, barrier);
  }

  delete(plan: RowPlan, message: DeleteMessage, seq: number, ordinal: number): OutgoingEvent {
    const { oldTuple, oldKind } = message;
    this.startEvent(plan, 'DELETE', ordinal, oldTuple, undefined);
    const { slab } = this.slabs;
    let at = this.slabs.start + plan.heads.DELETE.length;
    at = writeBytes(slab, at, EMPTY_DATA_AND_OLD);
    at = this.rows.writeOld(plan, oldTuple, oldKind === 'key', slab, at);
    at = this.frame.writeAfterRows(slab, at);
    return this.finishEvent(plan, 'DELETE', seq, ordinal, at, oldTuple, undefined, false);
  }

  /** One event for one of the relations of a Truncate message. */
  truncate(plan: RowPlan, seq: number, ordinal: number): OutgoingEvent {
    this.startEvent(plan, 'TRUNCATE', ordinal, undefined, undefined);
    const { slab } = this.slabs;
    let at = this.slabs.start + plan.heads.TRUNCATE.length;
    at = writeBytes(slab, at, EMPTY_DATA);
    at = this.frame.writeWithEmptyOld(slab, at);
    return this.finishEvent(plan, 'TRUNCATE', seq, ordinal, at, undefined, undefined, true);
  }

  /** Reserves room for the event and writes the body up to `"data":`. */
  private startEvent(
    plan: RowPlan,
    action: Action,
    ordinal: number,
    tuple: Tuple | undefined,
    oldTuple: Tuple | undefined,
  ): void {
    if (this.tx === undefined) this.openTransaction();
    this.rows.reset(plan);
    this.slabs.reserve(maxBodyLength(plan, tuple, oldTuple));
    const { slab, start } = this.slabs;
    writeBytes(slab, start, plan.heads[action]);
    this.ids.write(slab, start + ID_OFFSET, ordinal);
  }

  private finishEvent(
    plan: RowPlan,
    action: Action,
    seq: number,
    ordinal: number,
    bodyEnd: number,
    tuple: Tuple | undefined,
    oldTuple: Tuple | undefined,
    barrier: boolean,
  ): OutgoingEvent {
    const { slab, start } = this.slabs;
    let end = this.rows.writeUnchanged(plan, slab, bodyEnd);
    end = writeBytes(slab, end, plan.tail);
    this.slabs.commit(end, seq);
    let keySlab = slab;
    let keyStart = this.rows.keyStart;
    let keyEnd = this.rows.keyEnd;
    if (!plan.needsKeys) {
      keyStart = 0;
      keyEnd = 0;
    } else if (tuple === undefined || plan.keyIndexes.length === 0) {
      keySlab = plan.tableKey;
      keyStart = 0;
      keyEnd = keySlab.length;
    } else if (keyStart < 0) {
      this.slabs.reserve(maxKeyLength(plan, tuple, oldTuple));
      keySlab = this.slabs.slab;
      keyStart = this.slabs.start;
      keyEnd = writeKey(plan, tuple, oldTuple, keySlab, keyStart);
      this.slabs.commit(keyEnd, seq);
    }
    const tx = this.tx ?? this.openTransaction();
    return { seq, route: plan.route, tx, ordinal, action, slab, start, end, keySlab, keyStart, keyEnd, barrier };
  }

  private openTransaction(): TransactionInfo {
    const { begin } = this;
    if (begin === undefined) throw new Error('an event outside of a transaction');
    this.ids.beginTransaction(begin);
    this.tx = {
      commitLsn: begin.commitLsn,
      lsnText: formatLsn(begin.commitLsn),
      xid: begin.xid,
      commitTime: this.frame.beginTransaction(begin.commitTimestamp),
      commitTimeMs: commitTimeMs(begin.commitTimestamp),
    };
    return this.tx;
  }
}

const DATA_OLD = Buffer.from(',"dataOld":');
const EMPTY_DATA = Buffer.from('{}');
const EMPTY_DATA_AND_OLD = Buffer.from('{},"dataOld":');

/** Bytes that an event's body takes at most. */
function maxBodyLength(plan: RowPlan, tuple: Tuple | undefined, oldTuple: Tuple | undefined): number {
  if (tuple === undefined) return plan.fixedBytes;
  // A column that was not resent is written from the old row, into both objects.
  const text = textLength(tuple) + (oldTuple === undefined ? 0 : 2 * textLength(oldTuple));
  const bound = plan.fixedBytes + MAX_EXPANSION * text;
  if (bound <= MEASURE_FROM_BYTES) return bound;
  return measuredBodyLength(plan, tuple, oldTuple);
}

/** The same, close to the truth: a factor of six does not matter for small rows but does for large ones. */
function measuredBodyLength(plan: RowPlan, tuple: Tuple, oldTuple: Tuple | undefined): number {
  // The names are in the measure of each row; once more for unchangedToastedValues.
  const frame = plan.fixedBytes - 2 * plan.names.length;
  const row = frame + measureRow(plan, tuple, oldTuple);
  return oldTuple === undefined ? row : row + measureRow(plan, oldTuple, undefined);
}
