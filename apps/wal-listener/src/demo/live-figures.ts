import { readFileSync } from 'node:fs';
import type pg from 'pg';

/** What the live line shows besides the events per second. */
export interface Figures {
  readonly lagBytes: number | undefined;
  readonly inFlightEvents: number | undefined;
  readonly rssBytes: number | undefined;
}

const LAG_SQL = `
  SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::float8 AS bytes
  FROM pg_replication_slots WHERE slot_name = $1`;

/** Reads the slot's lag from the server, what is in flight from the service's metrics, its memory from the system. */
export async function readFigures(client: pg.Client, slot: string, metricsUrl: string, pid: number): Promise<Figures> {
  const lag = await client.query<{ bytes: number | null }>(LAG_SQL, [slot]);
  return {
    lagBytes: lag.rows[0]?.bytes ?? undefined,
    inFlightEvents: await readMetric(metricsUrl, 'wal_listener_in_flight_events'),
    rssBytes: readRss(pid),
  };
}

async function readMetric(url: string, name: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(500) });
    const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await response.text())?.[1];
    return value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}

function readRss(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/** The live line: `812 events/s   lag 1.2 KB   in flight 3   memory 71.0 MB   20,014 events`. */
export function statusLine(eventsPerSecond: number, events: number, figures: Figures): string {
  const parts = [
    `${Math.round(eventsPerSecond).toLocaleString('en')} events/s`,
    `lag ${bytes(figures.lagBytes)}`,
    `in flight ${figures.inFlightEvents?.toLocaleString('en') ?? '–'}`,
    `memory ${bytes(figures.rssBytes)}`,
    `${events.toLocaleString('en')} events`,
    'Ctrl-C ends',
  ];
  return parts.join('   ');
}

function bytes(value: number | undefined): string {
  if (value === undefined) return '–';
  if (value < 1024) return `${String(value)} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} KB`;
  return `${(value / 1024 / 1024).toFixed(1)} MB`;
}
