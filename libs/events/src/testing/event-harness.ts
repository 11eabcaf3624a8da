import { Decoder, type BeginMessage, type Message, type Relation } from '#lib/pgoutput';
import { encodeMessage, tupleOf, type ColumnValue } from '#lib/pgoutput/testing';
import type { OutgoingEvent } from '../change-event.js';
import { EventEncoder } from '../event-encoder.js';
import type { EventSource } from '../event-id.js';
import { chooseKeyColumns } from '../key-columns.js';
import { compileRowPlan, type RowPlan, type RowPlanOptions } from '../row-plan.js';

export const SOURCE: EventSource = {
  systemIdentifier: '7300000000000000001',
  databaseOid: 16_384,
  publications: ['wal-listener'],
};

/** 2026-03-04 05:06:07.89 UTC. */
export const BEGIN: BeginMessage = {
  type: 'begin',
  commitLsn: 0x16b374d848n,
  commitTimestamp: 825_915_967_890_000n,
  xid: 4242,
};

/** Sends rows of one relation through decoder and encoder, as bytes that are wiped after each call. */
export class EventHarness {
  readonly plan: RowPlan;
  private readonly decoder = new Decoder();
  private readonly encoder = new EventEncoder(SOURCE);
  private seq = 0;
  private ordinal = -1;

  constructor(
    private readonly relation: Relation,
    options: Partial<RowPlanOptions> = {},
  ) {
    this.plan = compileRowPlan(relation, {
      route: { schema: relation.schema, table: relation.table, topic: 'topic' },
      tags: undefined,
      excludedColumn: () => false,
      keyColumns: chooseKeyColumns(relation, {}),
      needsKeys: true,
      ...options,
    });
    this.send({ type: 'relation', relation }, () => undefined);
    this.begin(BEGIN);
  }

  begin(begin: BeginMessage): void {
    this.ordinal = -1;
    this.encoder.beginTransaction(begin);
  }

  /** Every event before `seq` is durable. */
  release(seq: number): void {
    this.encoder.release(seq);
  }

  insert(values: readonly ColumnValue[]): OutgoingEvent {
    return this.send({ type: 'insert', relation: this.relation, newTuple: tupleOf(values) }, (message) => {
      if (message.type !== 'insert') throw new Error(message.type);
      return this.encoder.insert(this.plan, message, ++this.seq, ++this.ordinal);
    });
  }

  update(
    values: readonly ColumnValue[],
    oldKind: 'none' | 'key' | 'full' = 'none',
    oldValues: readonly ColumnValue[] = [],
  ): OutgoingEvent {
    const { relation } = this;
    const update = {
      type: 'update',
      relation,
      oldKind,
      oldTuple: tupleOf(oldValues),
      newTuple: tupleOf(values),
    } as const;
    return this.send(update, (message) => {
      if (message.type !== 'update') throw new Error(message.type);
      return this.encoder.update(this.plan, message, ++this.seq, ++this.ordinal);
    });
  }

  delete(oldKind: 'key' | 'full', values: readonly ColumnValue[]): OutgoingEvent {
    return this.send({ type: 'delete', relation: this.relation, oldKind, oldTuple: tupleOf(values) }, (message) => {
      if (message.type !== 'delete') throw new Error(message.type);
      return this.encoder.delete(this.plan, message, ++this.seq, ++this.ordinal);
    });
  }

  truncate(): OutgoingEvent {
    return this.encoder.truncate(this.plan, ++this.seq, ++this.ordinal);
  }

  private send<T>(message: Message, use: (message: Message) => T): T {
    const encoded = encodeMessage(message);
    const result = use(this.decoder.decode(encoded, 0, encoded.length));
    encoded.fill(0xee);
    return result;
  }
}

export function bodyOf(event: OutgoingEvent): string {
  return event.slab.toString('utf8', event.start, event.end);
}

/** An event's body as consumers read it. */
export interface ParsedEvent {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly dataOld: Readonly<Record<string, unknown>>;
  readonly unchangedToastedValues: readonly string[];
}

export function parsedBody(event: OutgoingEvent): ParsedEvent {
  return JSON.parse(bodyOf(event)) as ParsedEvent;
}

export function keyOf(event: OutgoingEvent): string {
  return event.keySlab.toString('utf8', event.keyStart, event.keyEnd);
}
