import type { Child } from '../support/child-process.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';
import { type Backlog, PUBLICATION } from './backlog.js';
import type { Contender } from './drain.js';
import { ProcessUsage } from './process-usage.js';

const DEADLINE_MS = 600_000;

/** What a broker brings to a drain. */
export interface DrainTarget extends AsyncDisposable {
  /** The WAL_PUBLISHER_* variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Events the target holds; undefined where nobody counts. */
  count(): Promise<number | undefined>;
}

export interface ServiceOptions {
  /** Another compiled entry than the program's own. */
  readonly entry?: string;
  /** The contender, a bare client of the same broker, that the rate is compared with as well. */
  readonly comparedWith?: string;
  readonly part?: Contender['part'];
}

/**
 * The built program as a contender. `open` makes a fresh target for each drain, outside the measured time.
 *
 * Time and processor time count from the moment the server shows the slot as taken, which START_REPLICATION does before
 * it decodes anything, until the slot's confirmed position has reached the end of the backlog: until every event is
 * durable and PostgreSQL knows. Loading the program, which happens once in a deployment's life, is left out, as the
 * 20 ms are that pg_recvlogical takes to start (they are in its time). Memory is the process's peak, loading included.
 */
export function serviceContender(
  name: string,
  open: () => Promise<DrainTarget>,
  { entry, comparedWith, part }: ServiceOptions = {},
): Contender {
  return {
    name,
    ...(comparedWith !== undefined && { comparedWith }),
    ...(part !== undefined && { part }),
    async drain(backlog, { slot, rows }) {
      await using target = await open();
      await using service = startService(
        { ...drainVariables(backlog, slot), ...target.env },
        { keepStdout: false, ...(entry !== undefined && { entry }) },
      );
      using usage = new ProcessUsage();
      const { seconds, cpuSecondsBefore } = await timeDrain(backlog, slot, service, usage);
      usage.read(service.pid);
      const stored = await target.count();
      if (stored !== undefined && stored !== rows) {
        throw new Error(`${name}: ${String(stored)} events of ${String(rows)}`);
      }
      await service.terminate();
      const { peakRssBytes, cpuSeconds = 0 } = usage;
      return { seconds, peakRssBytes, cpuSeconds: cpuSeconds - cpuSecondsBefore };
    },
  };
}

/** What tells the program to drain this slot. */
export function drainVariables(backlog: Backlog, slot: string): Record<string, string> {
  return {
    ...databaseVariables(backlog.server),
    WAL_LISTENER_SLOT_NAME: slot,
    WAL_LISTENER_PUBLICATION: PUBLICATION,
    WAL_LOGGER_LEVEL: 'warn',
  };
}

/** Waits for the whole drain; throws when the program ends. */
export async function timeDrain(
  backlog: Backlog,
  slot: string,
  service: Child,
  usage: ProcessUsage,
): Promise<{ readonly seconds: number; readonly cpuSecondsBefore: number }> {
  const client = await backlog.server.client();
  const ask = async (condition: string): Promise<boolean> => {
    const sql = `SELECT ${condition} AS yes FROM pg_replication_slots WHERE slot_name = $1`;
    const { rows } = await client.query<{ yes: boolean | null }>(sql, [slot]);
    // Asking goes on after an error, so the end of the program counts as an answer.
    return rows[0]?.yes === true || !service.running;
  };
  const until = async (condition: string, intervalMs: number) => {
    const what = () => `${condition} of ${slot}${service.lastOutput()}`;
    await waitFor(() => ask(condition), { deadlineMs: DEADLINE_MS, intervalMs, what });
    if (!service.running) throw new Error(`the service ended before ${what()}`);
  };
  try {
    await until('active', 5);
    const startedMs = performance.now();
    usage.read(service.pid);
    const cpuSecondsBefore = usage.cpuSeconds ?? 0;
    await until(`confirmed_flush_lsn >= '${backlog.endLsn}'`, 20);
    return { seconds: (performance.now() - startedMs) / 1000, cpuSecondsBefore };
  } finally {
    await client.end();
  }
}
