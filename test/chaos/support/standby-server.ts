import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PostgresServer, type PostgresVersion, startPostgres } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';

/** The standby's address: the port is the primary's. */
const STANDBY_HOST = '127.0.0.2';
/** The standby's physical slot on the primary. */
export const STANDBY_SLOT = 'standby1';

/** What `database.host` is for a service that follows the read-write one. */
export const BOTH_HOSTS = `127.0.0.1,${STANDBY_HOST}`;

export interface StandbyOptions {
  readonly version: PostgresVersion;
  /** On top of what a standby needs, from its first start on. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the standby finds its primary; default: the primary's own port. */
  readonly primaryPort?: number;
  /** What the primary is started again with. */
  readonly primarySettings?: Readonly<Record<string, string>>;
}

/**
 * A physical standby made from a cold copy of the primary, which is stopped for it and started again. Like a base backup,
 * the copy leaves the replication slots behind.
 */
export async function startStandby(primary: PostgresServer, options: StandbyOptions): Promise<PostgresServer> {
  const { version, settings = {}, primaryPort = primary.port, primarySettings = {} } = options;
  await primary.query(
    `SELECT pg_create_physical_replication_slot('${STANDBY_SLOT}', true)
     WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${STANDBY_SLOT}')`,
  );
  // A cluster of its own first, for the folder and the account; its data make place for the copy.
  const standby = await startPostgres({ version, port: primary.port, host: STANDBY_HOST });
  try {
    await standby.stop();
    await rm(standby.dataDir, { recursive: true });
    await primary.stop('fast');
    execFileSync('cp', ['-a', primary.dataDir, standby.dataDir]);
    await primary.startAgain(primarySettings);
    const slots = join(standby.dataDir, 'pg_replslot');
    for (const slot of await readdir(slots)) await rm(join(slots, slot), { recursive: true });
    await writeFile(join(standby.dataDir, 'standby.signal'), '');
    const { user, password, database } = primary;
    await standby.startAgain({
      primary_conninfo: `host=${primary.host} port=${String(primaryPort)} user=${user} password=${password} dbname=${database}`,
      primary_slot_name: STANDBY_SLOT,
      hot_standby_feedback: 'on',
      wal_retrieve_retry_interval: '100ms',
      ...settings,
    });
    return standby;
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until the standby has replayed what the primary has written so far. */
export async function replayed(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const [end] = await primary.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
  const sql = `SELECT pg_last_wal_replay_lsn() >= '${end?.lsn}' AS done`;
  await waitFor(async () => (await standby.query<{ done: boolean }>(sql))[0]?.done, {
    what: `the standby to replay up to ${end?.lsn}`,
    deadlineMs: 60_000,
  });
}

/** Waits until the standby has failover slots of these names that would survive its promotion (PostgreSQL 17). */
export async function slotsAreSynced(standby: PostgresServer, names: readonly string[]): Promise<void> {
  const sql = `SELECT count(*)::int AS n FROM pg_replication_slots
    WHERE slot_name = ANY ($1) AND synced AND NOT temporary AND invalidation_reason IS NULL`;
  const synced = async () => (await standby.query<{ n: number }>(sql, [names]))[0]?.n === names.length;
  // The server looks every 30 seconds when there was nothing to do.
  await waitFor(synced, { what: () => `${names.join()} to be synced:\n${standby.log()}`, deadlineMs: 120_000 });
}

export async function promote(standby: PostgresServer): Promise<void> {
  const [row] = await standby.query<{ done: boolean }>('SELECT pg_promote(true, 60) AS done');
  if (row?.done !== true) throw new Error(`the standby was not promoted:\n${standby.log()}`);
}
