import type { PostgresServer } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';

/** What the program calls itself in pg_stat_activity. */
const OURS = `application_name = 'wal-listener'`;

/** The walsender that streams from the service's slot, once there is one (and another one than `unlike`). */
export async function walsenderPid(server: PostgresServer, unlike?: number): Promise<number> {
  const sql = `SELECT active_pid AS pid FROM pg_replication_slots
    WHERE slot_name = 'wal_listener' AND active_pid IS NOT NULL`;
  return waitFor(
    async () => {
      const [row] = await server.query<{ pid: number }>(sql);
      return row?.pid !== unlike && row?.pid;
    },
    { what: 'a walsender', deadlineMs: 60_000, intervalMs: 50 },
  );
}

/** Ends the program's backends of one type, at least one; gives how many. */
export async function terminate(server: PostgresServer, type: 'client backend' | 'walsender' | '%'): Promise<number> {
  const sql = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity
    WHERE ${OURS} AND backend_type LIKE '${type}'`;
  return waitFor(async () => (await server.query<{ n: number }>(sql))[0]?.n, {
    what: `a ${type} to terminate`,
    deadlineMs: 60_000,
    intervalMs: 50,
  });
}
