import type { EventEncoder, OutgoingEvent } from '#lib/events';
import { AppError, type Logger, type Metrics } from '#lib/kernel';
import {
  formatLsn,
  ProtocolError,
  type BeginMessage,
  type CommitMessage,
  type Decoder,
  type TruncateMessage,
} from '#lib/pgoutput';
import type { AckTracker } from './ack-tracker.js';
import type { PlannedRelation, RelationPlanner } from './relation-planner.js';

const INSERT = 0x49; // 'I'
const UPDATE = 0x55; // 'U'
const DELETE = 0x44; // 'D'
const MAX_ORDINAL = 0xffffffff;

export interface PumpOptions {
  /** Publish the first N events of a transaction that pass the filters; 0 = all. */
  readonly maxTransactionSize: number;
  /** Drop transactions that carry an Origin message (servers below 16, which cannot leave them out themselves). */
  readonly dropForeignOrigin: boolean;
}

export interface PumpParts {
  readonly decoder: Decoder;
  readonly planner: RelationPlanner;
  readonly encoder: EventEncoder;
  readonly tracker: AckTracker;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The transaction being read. */
interface OpenTransaction {
  readonly begin: BeginMessage;
  ordinal: number;
  published: number;
  overLimit: number;
  foreign: boolean;
}

/**
 * Turns pgoutput messages into encoded events, in order, and keeps the tracker informed. Synchronous but for one case:
 * a relation whose primary key must be asked from the catalog.
 */
export class Pump {
  private transaction: OpenTransaction | undefined;
  private gathered: OutgoingEvent[] = [];
  /** Relations of which changes were left out since the last report. */
  private readonly withLeftOut = new Set<PlannedRelation>();

  constructor(
    private readonly parts: PumpParts,
    private readonly options: PumpOptions,
  ) {}

  /** The events encoded since the last call. */
  take(): readonly OutgoingEvent[] {
    this.reportLeftOut();
    const taken = this.gathered;
    if (taken.length > 0) this.gathered = [];
    return taken;
  }

  /** Every event before `seq` is durable: the memory of its bytes may serve again. */
  release(seq: number): void {
    this.parts.encoder.release(seq);
  }

  /**
   * Handles one message, bytes start..end of `buffer`. A returned promise means: nothing after it before it resolves.
   * @throws AppError PROTOCOL with the place in the stream, MESSAGE_KEY
   */
  message(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    try {
      return this.handle(buffer, start, end);
    } catch (error) {
      this.parts.metrics.problem('parse');
      throw this.located(error);
    }
  }

  private handle(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    const kind = buffer[start];
    if ((kind === INSERT || kind === UPDATE || kind === DELETE) && end - start >= 5) {
      this.row(kind, buffer, start, end);
      return undefined;
    }
    const message = this.parts.decoder.decode(buffer, start, end);
    switch (message.type) {
      case 'begin':
        this.begin(message);
        return undefined;
      case 'commit':
        this.commit(message);
        return undefined;
      case 'relation':
        return this.parts.planner.learn(message.relation, this.transaction?.begin.commitLsn ?? 0n);
      case 'truncate':
        this.truncate(message);
        return undefined;
      case 'origin':
        if (this.options.dropForeignOrigin) this.open().foreign = true;
        return undefined;
      case 'type':
      case 'message':
        return undefined;
      case 'insert':
      case 'update':
      case 'delete':
        throw new AppError('INTERNAL', `row message ${message.type} took the wrong path`);
    }
  }

  /** Says where in the WAL it happened, so that the transaction can be looked at with PostgreSQL's own tools. */
  private located(error: unknown): unknown {
    const { transaction } = this;
    const facts =
      transaction === undefined ? {} : { lsn: formatLsn(transaction.begin.commitLsn), xid: transaction.begin.xid };
    if (error instanceof ProtocolError) return new AppError('PROTOCOL', error.message, { cause: error, facts });
    if (error instanceof AppError) {
      return new AppError(error.code, error.message, {
        cause: error,
        facts: { ...error.facts, ...facts },
        remedy: error.remedy,
      });
    }
    return error;
  }

  private begin(begin: BeginMessage): void {
    if (this.transaction !== undefined) throw new AppError('PROTOCOL', 'a transaction began inside another');
    this.parts.tracker.begin(commitTimeMs(begin));
    this.parts.encoder.beginTransaction(begin);
    this.transaction = { begin, ordinal: 0, published: 0, overLimit: 0, foreign: false };
  }

  private commit(commit: CommitMessage): void {
    const { begin, overLimit, published } = this.open();
    if (commit.commitLsn !== begin.commitLsn) {
      throw new AppError('PROTOCOL', `commit ${formatLsn(commit.commitLsn)} ends begin ${formatLsn(begin.commitLsn)}`);
    }
    if (overLimit > 0) {
      this.parts.logger.warn('a transaction exceeded listener.maxTransactionSize; the rest was not published', {
        lsn: formatLsn(begin.commitLsn),
        xid: begin.xid,
        published,
        dropped: overLimit,
      });
      this.parts.metrics.passedOver('maxTransactionSize', overLimit);
    }
    this.transaction = undefined;
    this.parts.tracker.commit(commit.endLsn);
  }

  /** The relation's OID follows the kind, so rows nobody asked for need not be decoded. */
  private row(kind: number, buffer: Buffer, start: number, end: number): void {
    const transaction = this.open();
    const ordinal = nextOrdinal(transaction);
    const planned = this.parts.planner.get(buffer.readUInt32BE(start + 1));
    if (planned !== undefined && !this.wanted(planned, kindWanted(planned, kind), transaction)) return;
    const message = this.parts.decoder.decode(buffer, start, end);
    const plan = planned?.plan;
    if (planned === undefined || plan === undefined)
      throw new AppError('INTERNAL', 'a relation was decoded and not planned');
    const { encoder, tracker } = this.parts;
    switch (message.type) {
      case 'insert':
        this.gather(encoder.insert(plan, message, tracker.nextSeq, ordinal), planned, transaction);
        break;
      case 'update':
        this.gather(encoder.update(plan, message, tracker.nextSeq, ordinal), planned, transaction);
        break;
      case 'delete':
        this.gather(encoder.delete(plan, message, tracker.nextSeq, ordinal), planned, transaction);
        break;
      default:
        throw new AppError('INTERNAL', `${message.type} is no row message`);
    }
  }

  private truncate(message: TruncateMessage): void {
    const transaction = this.open();
    const { encoder, planner, tracker } = this.parts;
    for (const relation of message.relations) {
      const ordinal = nextOrdinal(transaction);
      const planned = planner.get(relation.oid);
      if (planned === undefined) throw new AppError('INTERNAL', 'a relation was decoded and not planned');
      if (!this.wanted(planned, planned.decision.truncate, transaction)) continue;
      if (planned.plan === undefined) throw new AppError('INTERNAL', 'a published relation was not planned');
      this.gather(encoder.truncate(planned.plan, tracker.nextSeq, ordinal), planned, transaction);
    }
  }

  private wanted(planned: PlannedRelation, byFilter: boolean, transaction: OpenTransaction): boolean {
    if (!byFilter || transaction.foreign) {
      this.leftOut(planned);
      return false;
    }
    if (this.options.maxTransactionSize > 0 && transaction.published >= this.options.maxTransactionSize) {
      transaction.overLimit++;
      this.leftOut(planned);
      return false;
    }
    return true;
  }

  private leftOut(planned: PlannedRelation): void {
    if (planned.filtered === 0) this.withLeftOut.add(planned);
    planned.filtered++;
  }

  private reportLeftOut(): void {
    if (this.withLeftOut.size === 0) return;
    for (const planned of this.withLeftOut) {
      this.parts.metrics.filtered(planned.table, planned.filtered);
      planned.filtered = 0;
    }
    this.withLeftOut.clear();
  }

  private gather(event: OutgoingEvent, planned: PlannedRelation, transaction: OpenTransaction): void {
    transaction.published++;
    this.parts.tracker.event(event.end - event.start);
    this.gathered.push(planned.barrierNext ? { ...event, barrier: true } : event);
    planned.barrierNext = false;
  }

  private open(): OpenTransaction {
    if (this.transaction === undefined) throw new AppError('PROTOCOL', 'a change outside of a transaction');
    return this.transaction;
  }
}

function kindWanted(planned: PlannedRelation, kind: number): boolean {
  if (kind === INSERT) return planned.decision.insert;
  return kind === UPDATE ? planned.decision.update : planned.decision.delete;
}

function nextOrdinal(transaction: OpenTransaction): number {
  if (transaction.ordinal > MAX_ORDINAL) throw new AppError('INTERNAL', 'more than 2^32 changes in one transaction');
  return transaction.ordinal++;
}

const MS_FROM_1970_TO_2000 = 946_684_800_000;

function commitTimeMs(begin: BeginMessage): number {
  return Number(begin.commitTimestamp / 1000n) + MS_FROM_1970_TO_2000;
}
