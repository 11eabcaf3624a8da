import { Decoder, TUPLE_TEXT, type Message, type Tuple } from '#lib/pgoutput';
import type { ChangeStream, FrameSink } from '#lib/replication';

/** One committed transaction as the stream showed it: each row's values, text or null. */
export interface SeenTransaction {
  readonly xid: number;
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  readonly rows: readonly (readonly (string | null)[])[];
}

function values(tuple: Tuple): (string | null)[] {
  return Array.from({ length: tuple.count }, (_, column) =>
    tuple.kinds[column] === TUPLE_TEXT ? tuple.buffer.toString('utf8', tuple.starts[column], tuple.ends[column]) : null,
  );
}

/** Decodes and keeps what a stream delivers, and, when told to, confirms each transaction and idle keepalive. */
export class RecordingSink implements FrameSink {
  readonly transactions: SeenTransaction[] = [];
  readonly keepalives: { readonly walEnd: bigint; readonly insideTransaction: boolean }[] = [];
  readonly types: Message['type'][] = [];
  gulps = 0;
  /** Called for each row before it is kept; what it returns goes back to the stream. */
  onRow: ((row: readonly (string | null)[]) => Promise<void> | undefined) | undefined;

  private readonly decoder = new Decoder();
  private open: { xid: number; rows: (readonly (string | null)[])[] } | undefined;

  constructor(
    private readonly stream: ChangeStream,
    private readonly confirms: boolean,
  ) {}

  get rows(): readonly (readonly (string | null)[])[] {
    return this.transactions.flatMap((transaction) => transaction.rows);
  }

  /** First column of every committed row. */
  get keys(): readonly (string | null)[] {
    return this.rows.map(([key]) => key ?? null);
  }

  message(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    const message = this.decoder.decode(buffer, start, end);
    this.types.push(message.type);
    if (message.type === 'begin') this.open = { xid: message.xid, rows: [] };
    if (message.type === 'commit' && this.open !== undefined) {
      const { commitLsn, endLsn } = message;
      this.transactions.push({ ...this.open, commitLsn, endLsn });
      this.open = undefined;
      if (this.confirms) this.stream.confirm(endLsn);
    }
    if (message.type !== 'insert' && message.type !== 'update') return undefined;
    const row = values(message.newTuple);
    const busy = this.onRow?.(row);
    this.open?.rows.push(row);
    return busy;
  }

  keepalive(walEnd: bigint): void {
    this.keepalives.push({ walEnd, insideTransaction: this.open !== undefined });
    if (this.confirms && this.open === undefined) this.stream.confirm(walEnd);
  }

  gulpEnd(): void {
    this.gulps += 1;
  }
}
