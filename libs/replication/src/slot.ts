import type { SlotReading } from '#lib/kernel';
import { parseLsn } from '#lib/pgoutput';

import type { ControlConnection } from './control-connection.js';

/** A replication slot as pg_replication_slots shows it; columns that the server is too old for are undefined. */
export interface Slot {
  readonly name: string;
  readonly plugin: string | undefined;
  readonly isLogical: boolean;
  readonly database: string | undefined;
  readonly isTemporary: boolean;
  readonly isActive: boolean;
  readonly activePid: number | undefined;
  readonly confirmedFlushLsn: bigint | undefined;
  /** reserved, extended, unreserved or lost. */
  readonly walStatus: string;
  /** Bytes that may still be written before the slot is in danger; undefined = no limit or lost. */
  readonly safeWalBytes: number | undefined;
  /** max_slot_wal_keep_size; undefined = no limit. */
  readonly walLimitBytes: number | undefined;
  /** Why the slot was invalidated; undefined = it was not. */
  readonly invalidation: string | undefined;
  readonly isFailover: boolean;
  /** WAL kept for the slot. */
  readonly retainedBytes: number;
  /** WAL written since the confirmed position. */
  readonly lagBytes: number;
}

// As JSON, because the columns differ between versions.
const READ_SLOT = `
SELECT to_jsonb(s) AS slot,
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::text AS retained,
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn), 0)::text AS lag,
  pg_size_bytes(current_setting('max_slot_wal_keep_size'))::text AS wal_limit
FROM pg_replication_slots s WHERE s.slot_name = $1::text`;

interface SlotColumns {
  readonly slot_name: string;
  readonly plugin: string | null;
  readonly slot_type: string;
  readonly database: string | null;
  readonly temporary: boolean;
  readonly active: boolean;
  readonly active_pid: number | null;
  readonly confirmed_flush_lsn: string | null;
  readonly wal_status: string | null;
  readonly safe_wal_size: number | null;
  /** PostgreSQL 16. */
  readonly conflicting?: boolean | null;
  /** PostgreSQL 17. */
  readonly invalidation_reason?: string | null;
  readonly failover?: boolean | null;
}

interface SlotRow extends Record<string, unknown> {
  readonly slot: SlotColumns;
  readonly retained: string;
  readonly lag: string;
  /** Negative = no limit. */
  readonly wal_limit: string;
}

function invalidationOf(slot: SlotColumns): string | undefined {
  if (slot.invalidation_reason) return slot.invalidation_reason;
  if (slot.conflicting === true) return 'conflict with recovery';
  return slot.wal_status === 'lost' ? 'WAL removed' : undefined;
}

/** The slot of this name, whatever it is; undefined = none. @throws AppError */
export async function readSlot(control: ControlConnection, name: string): Promise<Slot | undefined> {
  const rows = await control.query<SlotRow>(READ_SLOT, [name]);
  const row = rows[0];
  if (row === undefined) return undefined;
  const { slot } = row;
  const walLimitBytes = Number(row.wal_limit);
  return {
    name: slot.slot_name,
    plugin: slot.plugin ?? undefined,
    isLogical: slot.slot_type === 'logical',
    database: slot.database ?? undefined,
    isTemporary: slot.temporary,
    isActive: slot.active,
    activePid: slot.active_pid ?? undefined,
    confirmedFlushLsn: slot.confirmed_flush_lsn === null ? undefined : parseLsn(slot.confirmed_flush_lsn),
    walStatus: slot.wal_status ?? 'lost',
    safeWalBytes: slot.safe_wal_size ?? undefined,
    walLimitBytes: walLimitBytes < 0 ? undefined : walLimitBytes,
    invalidation: invalidationOf(slot),
    isFailover: slot.failover === true,
    retainedBytes: Number(row.retained),
    lagBytes: Number(row.lag),
  };
}

/** What probes and metrics tell of a slot. */
export function slotReading({ walStatus, retainedBytes, lagBytes, walLimitBytes, safeWalBytes }: Slot): SlotReading {
  return { walStatus, retainedBytes, lagBytes, limitBytes: walLimitBytes, safeBytes: safeWalBytes };
}

/**
 * Makes the slot and gives its first position. Waits, without limit, for the transactions that are running now.
 * @throws AppError
 */
export async function createSlot(control: ControlConnection, name: string, failover: boolean): Promise<bigint> {
  const sql = `SELECT lsn::text FROM pg_create_logical_replication_slot($1::text, 'pgoutput', false, false${
    failover ? ', true' : ''
  })`;
  // Waiting for a transaction is waiting for a lock.
  await control.query('SET lock_timeout = 0');
  try {
    const rows = await control.query<{ lsn: string }>(sql, [name], 0);
    return parseLsn(rows[0]?.lsn ?? '0/0');
  } finally {
    await control.query('RESET lock_timeout').catch(() => undefined);
  }
}

/** @throws AppError */
export async function dropSlot(control: ControlConnection, name: string): Promise<void> {
  await control.query('SELECT pg_drop_replication_slot($1::text)', [name]);
}
