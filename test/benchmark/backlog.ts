import { type PostgresServer, startPostgres } from '../support/postgres.js';

/** How the rows of a backlog are spread over transactions. */
export type BacklogKind = 'batched' | 'single';

export interface BacklogSize {
  readonly kind: BacklogKind;
  readonly rows: number;
  /** How many of them come last for those who are too slow for all. */
  readonly tailRows: number;
  readonly rowsPerTransaction: number;
  /** Connections that write at the same time. */
  readonly writers: number;
}

/** Rows of the backlog that wait in a slot. */
export interface Part {
  /** The slot that is copied for each drain, never read itself. */
  readonly sourceSlot: string;
  readonly rows: number;
}

export const PUBLICATION = 'bench';
const WHOLE_SLOT = 'bench_whole';
const TAIL_SLOT = 'bench_tail';

/**
 * Half a million rows in transactions of 1,000; 300,000 transactions of one row; a fifth of them is the tail. `small` is
 * a tenth.
 */
export function backlogSize(kind: BacklogKind, small: boolean): BacklogSize {
  const scale = small ? 10 : 1;
  return kind === 'batched'
    ? { kind, rows: 500_000 / scale, tailRows: 100_000 / scale, rowsPerTransaction: 1_000, writers: 1 }
    : { kind, rows: 300_000 / scale, tailRows: 60_000 / scale, rowsPerTransaction: 1, writers: 4 };
}

/** Ten columns of the commonest types, some 300 bytes of text a row. */
const TABLE = `
CREATE TABLE things (
  id bigint PRIMARY KEY, account int, name text, note text, created_at timestamptz, amount numeric(12,2), active bool,
  reference uuid, attributes jsonb, due date)`;

const ROW = `
  n, (n % 9973)::int, 'customer number ' || n, 'a note of some sixty characters, with "quotes" and more: ' || n,
  now(), (n % 100000) / 100.0, n % 2 = 0, md5(n::text)::uuid,
  jsonb_build_object('tags', array['red', 'green'], 'level', n % 7, 'origin', jsonb_build_object('city', 'Berlin')),
  date '2026-01-01' + (n % 365)::int`;

/** A server with changes that wait in slots, so that every contender drains the very same ones. */
export class Backlog implements AsyncDisposable {
  private copies = 0;
  private readonly adopted: AsyncDisposable[] = [];
  readonly whole: Part;
  /** The last rows: all end at the same place, so that nobody is stopped in full flight. */
  readonly tail: Part;

  private constructor(
    readonly server: PostgresServer,
    readonly size: BacklogSize,
    /** Where the last change ends. */
    readonly endLsn: string,
    readonly serverVersion: string,
  ) {
    this.whole = { sourceSlot: WHOLE_SLOT, rows: size.rows };
    this.tail = { sourceSlot: TAIL_SLOT, rows: size.tailRows };
  }

  /** Starts a PostgreSQL 18 and fills the backlog; takes some ten seconds for the full size. */
  static async build(size: BacklogSize): Promise<Backlog> {
    const server = await startPostgres({
      version: 18,
      settings: {
        // No checkpoint and no vacuum in the middle of a measurement.
        max_wal_size: '16GB',
        checkpoint_timeout: '1h',
        autovacuum: 'off',
        synchronous_commit: 'off',
        shared_buffers: '512MB',
        max_replication_slots: '50',
      },
    });
    try {
      await server.query(TABLE);
      await server.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE things`);
      const tailStart = size.rows - size.tailRows;
      await server.query(`SELECT pg_create_logical_replication_slot('${WHOLE_SLOT}', 'pgoutput')`);
      await fill(server, size, 1, tailStart);
      await server.query(`SELECT pg_create_logical_replication_slot('${TAIL_SLOT}', 'pgoutput')`);
      await fill(server, size, tailStart + 1, size.rows);
      const [row] = await server.query<{ lsn: string; version: string }>(
        `SELECT pg_current_wal_insert_lsn()::text AS lsn, current_setting('server_version') AS version`,
      );
      // Also writes out what commits without waiting have left in memory.
      await server.query('CHECKPOINT');
      if (row === undefined) throw new Error('no position');
      return new Backlog(server, size, row.lsn, row.version);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A new slot at the start of the part. */
  async copySlot({ sourceSlot }: Part): Promise<string> {
    this.copies += 1;
    const name = `bench_${String(this.copies)}`;
    await this.server.query('SELECT pg_copy_logical_replication_slot($1, $2)', [sourceSlot, name]);
    return name;
  }

  async dropSlot(name: string): Promise<void> {
    await this.server.query('SELECT pg_drop_replication_slot($1)', [name]);
  }

  /** Disposes of `resource` when the backlog goes. */
  adopt(resource: AsyncDisposable): void {
    this.adopted.push(resource);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.adopted.map((resource) => resource[Symbol.asyncDispose]()));
    await this.server[Symbol.asyncDispose]();
  }
}

/** Inserts rows `from` to `to`. */
async function fill(
  server: PostgresServer,
  { rowsPerTransaction, writers }: BacklogSize,
  from: number,
  to: number,
): Promise<void> {
  const share = Math.ceil((to - from + 1) / writers);
  const ranges = Array.from({ length: writers }, (_, writer) => [
    from + writer * share,
    Math.min(to, from + (writer + 1) * share - 1),
  ]);
  await Promise.all(
    ranges.map(([first, last]) =>
      server.query(`
        DO $$ BEGIN
          FOR start IN ${String(first)}..${String(last)} BY ${String(rowsPerTransaction)} LOOP
            INSERT INTO things SELECT ${ROW}
            FROM generate_series(start, least(start + ${String(rowsPerTransaction)} - 1, ${String(last)})) AS n;
            COMMIT;
          END LOOP;
        END $$`),
    ),
  );
}
