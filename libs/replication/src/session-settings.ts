import { AppError } from '#lib/kernel';

/** One setting that decoding relies on: how it is asked for and what pg_settings shows when it was granted. */
interface SessionSetting {
  readonly name: string;
  readonly value: string;
  /** Whether the session's value (in the setting's base unit) is as asked. */
  readonly accepts: (shown: string) => boolean;
}

const exactly = (name: string, value: string, shown: string = value): SessionSetting => ({
  name,
  value,
  accepts: (found) => found.toLowerCase() === shown.toLowerCase(),
});

/** The shortest wal_sender_timeout asked for, in milliseconds. */
export const MIN_WAL_SENDER_TIMEOUT_MS = 60_000;

/** The wal_sender_timeout of a session with this heartbeat interval: three heartbeats may be lost. */
export function walSenderTimeoutMs(heartbeatIntervalMs: number, minMs: number = MIN_WAL_SENDER_TIMEOUT_MS): number {
  return Math.max(minMs, 3 * heartbeatIntervalMs);
}

/**
 * What the replication session pins. The output functions of types obey these settings inside pgoutput too, and settings
 * of the role or database would reach it otherwise.
 */
export function replicationSettings(walSenderTimeout: number): readonly SessionSetting[] {
  return [
    exactly('TimeZone', 'UTC'),
    { name: 'DateStyle', value: 'ISO', accepts: (found) => /^ISO\b/i.test(found) },
    exactly('IntervalStyle', 'postgres'),
    exactly('bytea_output', 'hex'),
    exactly('extra_float_digits', '1'),
    exactly('client_encoding', 'UTF8'),
    exactly('client_min_messages', 'notice'),
    exactly('lc_monetary', 'C'),
    { name: 'search_path', value: '', accepts: (found) => found === '' || found === '""' },
    exactly('statement_timeout', '0'),
    exactly('standard_conforming_strings', 'on'),
    exactly('wal_sender_timeout', String(Math.round(walSenderTimeout))),
  ];
}

/**
 * The control connection's own: nothing is decoded there, but names must resolve and literals must read the same. Locks
 * on tables can be held for hours: the server is to say so before the time limit of a query takes it for dead.
 */
export const CONTROL_OPTIONS =
  '-c search_path= -c standard_conforming_strings=on -c client_min_messages=warning -c lock_timeout=10s';

/** The settings in the form of the start-up parameter `options`. */
export function startupOptions(settings: readonly SessionSetting[]): string {
  // client_encoding has a start-up parameter of its own, which pg always sends.
  return settings
    .filter(({ name }) => name !== 'client_encoding')
    .map(({ name, value }) => `-c ${name}=${value}`)
    .join(' ');
}

/** A query that shows the session's settings, one row of `name` and `setting` each, times in milliseconds. */
export function showSettings(settings: readonly SessionSetting[]): string {
  const names = settings.map(({ name }) => `'${name.toLowerCase()}'`).join(', ');
  return `SELECT lower(name) AS name, setting FROM pg_catalog.pg_settings WHERE lower(name) IN (${names})`;
}

/** @throws AppError PG_SESSION_SETTING that names every setting the session did not take over */
export function checkSettings(settings: readonly SessionSetting[], shown: ReadonlyMap<string, string>): void {
  const faults = settings.flatMap(({ name, value, accepts }) => {
    const found = shown.get(name.toLowerCase());
    if (found !== undefined && accepts(found)) return [];
    return [`${name} is ${found === undefined ? 'unknown' : `'${found}'`} instead of '${value}'`];
  });
  if (faults.length > 0) {
    throw new AppError(
      'PG_SESSION_SETTING',
      `The replication session does not keep its settings: ${faults.join('; ')}`,
    );
  }
}
