import pg from 'pg';
import type { PostgresServer } from '../../support/postgres.js';
import { mulberry32 } from '../../support/random.js';

/**
 * The tables the writers change and the oracle beside them: a trigger writes every change into `history.change` in the
 * same transaction, so what PostgreSQL committed is known however a connection or server ended. The history table is
 * not published.
 */
const SCHEMA = `
  CREATE SCHEMA history;
  CREATE TABLE history.change (
    seq bigserial PRIMARY KEY, tab text NOT NULL, id bigint NOT NULL, version int NOT NULL, action text NOT NULL
  );
  CREATE TABLE orders (
    id bigint PRIMARY KEY, version int NOT NULL, customer text NOT NULL, total numeric(12,2) NOT NULL,
    paid boolean NOT NULL DEFAULT false, note text, attributes jsonb, created timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE items (id bigint PRIMARY KEY, version int NOT NULL, label text NOT NULL, blob text);
  ALTER TABLE items REPLICA IDENTITY FULL;
  ALTER TABLE items ALTER COLUMN blob SET STORAGE EXTERNAL;
  CREATE FUNCTION history.note() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' THEN
      INSERT INTO history.change (tab, id, version, action) VALUES (TG_TABLE_NAME, OLD.id, OLD.version, TG_OP);
    ELSE
      INSERT INTO history.change (tab, id, version, action) VALUES (TG_TABLE_NAME, NEW.id, NEW.version, TG_OP);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION history.note();
  CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION history.note();
`;

/** Creates the tables, a publication `wal-listener` over them, and a slot per name, all at the same position. */
export async function createWorkload(server: PostgresServer, slots: readonly string[]): Promise<void> {
  await server.query(SCHEMA);
  await server.query('CREATE PUBLICATION "wal-listener" FOR TABLE orders, items');
  for (const slot of slots) await server.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
}

const INSERT_ORDERS = `INSERT INTO orders (id, version, customer, total, note, attributes)
  SELECT g, 1, 'customer ' || g, g * 1.10, CASE WHEN g % 3 = 0 THEN NULL ELSE E'line\\n"quoted" ✓ 🎉 \\\\ ' || g END,
         jsonb_build_object('n', 12345678901234567890, 'id', g) FROM generate_series($1::bigint, $2::bigint) g`;
const INSERT_ITEMS = `INSERT INTO items (id, version, label, blob)
  SELECT g, 1, 'item ' || g, CASE WHEN g % 50 = 0 THEN repeat('x' || g, 800) END
  FROM generate_series($1::bigint, $2::bigint) g`;
const UPDATE = (table: string) => `UPDATE ${table} SET version = version + 1 WHERE id BETWEEN $1 AND $2`;
const DELETE = (table: string) => `DELETE FROM ${table} WHERE id BETWEEN $1 AND $2`;

/** Rows of one writer: ids base.. upwards, never used again, so each row has one story. */
class Writer {
  private nextId: number;
  private readonly live: [table: string, from: number, to: number, version: number][] = [];

  constructor(
    private readonly config: pg.ClientConfig,
    base: number,
    private readonly random: () => number,
  ) {
    this.nextId = base;
  }

  async run(shouldStop: () => boolean, pauseMs: () => number): Promise<void> {
    while (!shouldStop()) {
      const client = new pg.Client({ ...this.config, connectionTimeoutMillis: 5000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await this.transactions(client, shouldStop, pauseMs);
      } catch (error) {
        if (!isOutage(error)) throw error;
        // The server is being restarted; what committed is in the history. Rows in doubt are left alone from here on.
        this.live.length = 0;
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  private async transactions(client: pg.Client, shouldStop: () => boolean, pauseMs: () => number): Promise<void> {
    while (!shouldStop()) {
      await client.query('BEGIN');
      const statements = 1 + Math.floor(this.random() * 4);
      for (let i = 0; i < statements; i++) await this.statement(client);
      await client.query('COMMIT');
      const pause = pauseMs();
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  private async statement(client: pg.Client): Promise<void> {
    const table = this.random() < 0.5 ? 'orders' : 'items';
    const range = this.live.length > 0 ? Math.floor(this.random() * this.live.length) : -1;
    if (range < 0 || this.random() < 0.4) {
      const from = this.nextId;
      const to = from + Math.floor(this.random() * 20);
      this.nextId = to + 1;
      await client.query(table === 'orders' ? INSERT_ORDERS : INSERT_ITEMS, [from, to]);
      this.live.push([table, from, to, 1]);
      return;
    }
    const entry = this.live[range];
    const [name, from, to, version] = entry;
    if (version < 4 || this.random() < 0.5) {
      await client.query(UPDATE(name), [from, to]);
      entry[3] += 1;
    } else {
      await client.query(DELETE(name), [from, to]);
      this.live.splice(range, 1);
    }
  }
}

/** A lost connection, or a server that is stopping or not yet ready (classes 08 and 57 of SQLSTATE). */
function isOutage(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || /^(?:08|57)/.test(error.code ?? '');
}

/** Eight connections that change the tables at once until stopped. */
export class Writers {
  private stopped = false;
  private done: Promise<unknown> | undefined;
  private pause = 0;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly count = 8,
    private readonly seed = 1,
  ) {}

  /** @param pauseMs between two transactions of a writer; 0 = as fast as it goes */
  start(pauseMs = 0): void {
    this.pause = pauseMs;
    const writers = Array.from({ length: this.count }, (_, i) => {
      // Ranges of ids that no other writers have, whatever their seed; prices of an id have ten digits.
      const base = 1 + (this.seed * 10 + i) * 1_000_000;
      return new Writer(this.config, base, mulberry32(this.seed * 1000 + i));
    });
    this.done = Promise.all(
      writers.map(async (writer) => {
        try {
          await writer.run(
            () => this.stopped,
            () => this.pause,
          );
        } finally {
          // One that fails ends the others too.
          this.stopped = true;
        }
      }),
    );
    // Whoever stops the writers sees it.
    this.done.catch(() => undefined);
  }

  /** From each writer's next transaction on; as for `start`. */
  pace(pauseMs: number): void {
    this.pause = pauseMs;
  }

  /** Ends every writer after its current transaction. Throws when one of them failed. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  /** Runs until the history holds this many changes. */
  async writeChanges(server: PostgresServer, changes: number): Promise<void> {
    this.start();
    while (!this.stopped) {
      const [row] = await server.query('SELECT coalesce(max(seq), 0)::int AS n FROM history.change');
      if (Number(row?.['n']) >= changes) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.stop();
  }
}
