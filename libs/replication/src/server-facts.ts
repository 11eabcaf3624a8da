import type { ControlConnection } from './control-connection.js';

/** What preflight must know of the server and of the user. */
export interface ServerFacts {
  /** For example 180004. */
  readonly version: number;
  readonly databaseOid: number;
  readonly walLevel: string;
  readonly maxSlots: number;
  readonly usedSlots: number;
  readonly maxSenders: number;
  readonly usedSenders: number;
  readonly encoding: string;
  readonly synchronousStandbyNames: string;
  /** Undefined = the server has no such setting. */
  readonly synchronizedStandbySlots: string | undefined;
  /** Megabytes; -1 = no limit. */
  readonly maxSlotWalKeepMb: number;
  readonly user: string;
  readonly database: string;
  /** May use replication connections: superuser, REPLICATION, or a managed service's role for it. */
  readonly canReplicate: boolean;
  /** May create a publication FOR ALL TABLES: superuser, or a managed service's stand-in. */
  readonly isSuperuser: boolean;
}

const MANAGED_SUPERUSERS = "'rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin'";

const READ_FACTS = `
SELECT current_setting('server_version_num')::int AS version, d.oid::int8::text AS database_oid,
  current_setting('wal_level') AS wal_level,
  current_setting('max_replication_slots')::int AS max_slots,
  (SELECT count(*)::int FROM pg_replication_slots) AS used_slots,
  current_setting('max_wal_senders')::int AS max_senders,
  (SELECT count(*)::int FROM pg_stat_replication) AS used_senders,
  current_setting('server_encoding') AS encoding,
  current_setting('synchronous_standby_names') AS synchronous_standby_names,
  current_setting('synchronized_standby_slots', true) AS synchronized_standby_slots,
  (SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS max_slot_wal_keep_mb,
  r.rolname::text AS "user", d.datname::text AS database,
  r.rolsuper OR r.rolreplication OR coalesce(m.replicates, false) AS can_replicate,
  r.rolsuper OR coalesce(m.administers, false) AS is_superuser
FROM pg_roles r
CROSS JOIN pg_database d
CROSS JOIN (
  SELECT bool_or(rolname = 'rds_replication' AND pg_has_role(current_user, oid, 'USAGE')) AS replicates,
    bool_or(rolname <> 'rds_replication' AND pg_has_role(current_user, oid, 'USAGE')) AS administers
  FROM pg_roles WHERE rolname IN ('rds_replication', ${MANAGED_SUPERUSERS})) m
WHERE r.rolname = current_user AND d.datname = current_database()`;

interface FactsRow {
  readonly version: number;
  readonly database_oid: string;
  readonly wal_level: string;
  readonly max_slots: number;
  readonly used_slots: number;
  readonly max_senders: number;
  readonly used_senders: number;
  readonly encoding: string;
  readonly synchronous_standby_names: string;
  readonly synchronized_standby_slots: string | null;
  readonly max_slot_wal_keep_mb: number;
  readonly user: string;
  readonly database: string;
  readonly can_replicate: boolean;
  readonly is_superuser: boolean;
}

/** @throws AppError */
export async function readServerFacts(control: ControlConnection): Promise<ServerFacts> {
  const [row] = await control.query<FactsRow>(READ_FACTS);
  if (row === undefined) throw new TypeError('the catalog does not know the current user or database');
  return {
    version: row.version,
    databaseOid: Number(row.database_oid),
    walLevel: row.wal_level,
    maxSlots: row.max_slots,
    usedSlots: row.used_slots,
    maxSenders: row.max_senders,
    usedSenders: row.used_senders,
    encoding: row.encoding,
    synchronousStandbyNames: row.synchronous_standby_names,
    synchronizedStandbySlots: row.synchronized_standby_slots ?? undefined,
    maxSlotWalKeepMb: row.max_slot_wal_keep_mb,
    user: row.user,
    database: row.database,
    canReplicate: row.can_replicate,
    isSuperuser: row.is_superuser,
  };
}
