import type { Action, OutgoingEvent, Route, TransactionInfo } from '#lib/events';

export interface TestEventOptions {
  /** What the ordering key is made of; default: the event's own number (every event its own key). */
  readonly key?: string;
  readonly topic?: string;
  readonly table?: string;
  readonly action?: Action;
  readonly barrier?: boolean;
  /** Bytes of filler in the body. */
  readonly fillBytes?: number;
}

const COMMIT_TIME = '2026-01-02T03:04:05.678901Z';

/**
 * Makes events as the encoder would: JSON whose first field is the id, ids that sort in commit order. Two makers with
 * the same history make the same events; `session` begins seq at 1 again, as after a restart.
 */
export class EventMaker {
  private position = 0;
  private seq = 0;
  private readonly routes = new Map<string, Route>();

  constructor(
    private readonly topic: string,
    /** Stands for system identifier, xid and time: part of every id. */
    private readonly history = 1,
  ) {}

  /** Goes back (or on) to a place in the history and starts a new session there. */
  restartAt(position: number): this {
    this.position = position;
    this.seq = 0;
    return this;
  }

  /** The next event of the history. */
  next(options: TestEventOptions = {}): OutgoingEvent {
    this.seq += 1;
    this.position += 1;
    const { key = String(this.position), table = 'items', action = 'INSERT', barrier = false, fillBytes = 0 } = options;
    const id = testEventId(this.position, this.history);
    const lsn = BigInt(this.position) * 0x100n;
    const lsnText = `0/${lsn.toString(16).toUpperCase()}`;
    const body = `{"id":"${id}","schema":"public","table":"${table}","action":"${action}","data":{"key":${JSON.stringify(key)},"n":${this.position},"fill":"${'x'.repeat(fillBytes)}"},"dataOld":{},"commitTime":"${COMMIT_TIME}","unchangedToastedValues":[],"tags":null}`;
    const slab = Buffer.from(`${body}${key}`);
    const keyBytes = Buffer.byteLength(key);
    const tx: TransactionInfo = {
      commitLsn: lsn,
      lsnText,
      xid: 700 + this.position,
      commitTime: COMMIT_TIME,
      commitTimeMs: Date.parse(COMMIT_TIME),
    };
    return {
      seq: this.seq,
      route: this.route(options.topic ?? `${this.topic}.public_${table}`, table),
      tx,
      ordinal: 0,
      action,
      slab,
      start: 0,
      end: slab.length - keyBytes,
      keySlab: slab,
      keyStart: slab.length - keyBytes,
      keyEnd: slab.length,
      barrier,
    };
  }

  /** The next `count` events, options by index. */
  batch(count: number, options: (index: number) => TestEventOptions = () => ({})): readonly OutgoingEvent[] {
    return Array.from({ length: count }, (_, i) => this.next(options(i)));
  }

  private route(topic: string, table: string): Route {
    const known = this.routes.get(topic);
    if (known !== undefined) return known;
    const route: Route = { schema: 'public', table, topic };
    this.routes.set(topic, route);
    return route;
  }
}

/** The id of the event at a position: UUID version 8, sorting by position. */
export function testEventId(position: number, history = 1): string {
  const lsn = (position * 0x100).toString(16).padStart(16, '0');
  const tail = history.toString(16).padStart(12, '0');
  return `${lsn.slice(0, 8)}-${lsn.slice(8, 12)}-8${lsn.slice(12, 15)}-8${lsn.slice(15)}00-${tail}`;
}
