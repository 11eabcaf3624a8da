import { type Child } from '../support/child-process.js';
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

/**
 * The built program as a contender: from the moment it streams until it has confirmed the end of the backlog. `open`
 * makes a fresh target for each drain, outside the measured time.
 */
export function serviceContender(name: string, open: () => Promise<DrainTarget>): Contender {
  return {
    name,
    async drain(backlog, slot) {
      await using target = await open();
      const env = {
        ...databaseVariables(backlog.server),
        WAL_LISTENER_SLOT_NAME: slot,
        WAL_LISTENER_PUBLICATION: PUBLICATION,
        WAL_LOGGER_LEVEL: 'warn',
        ...target.env,
      };
      await using service = startService(env, { keepStdout: false });
      using usage = new ProcessUsage();
      const seconds = await timeDrain(backlog, slot, service);
      usage.read(service.pid);
      const stored = await target.count();
      if (stored !== undefined && stored !== backlog.size.rows) {
        throw new Error(`${name}: ${String(stored)} events of ${String(backlog.size.rows)}`);
      }
      await service.terminate();
      return { seconds, peakRssBytes: usage.peakRssBytes, cpuSeconds: usage.cpuSeconds };
    },
  };
}

async function timeDrain(backlog: Backlog, slot: string, service: Child): Promise<number> {
  const client = await backlog.server.client();
  const ask = async (condition: string): Promise<boolean> => {
    if (!service.running) throw new Error(`the service ended:${service.lastOutput()}`);
    const sql = `SELECT ${condition} AS yes FROM pg_replication_slots WHERE slot_name = $1`;
    const { rows } = await client.query<{ yes: boolean | null }>(sql, [slot]);
    return rows[0]?.yes === true;
  };
  const until = (condition: string, intervalMs: number) =>
    waitFor(() => ask(condition), {
      deadlineMs: DEADLINE_MS,
      intervalMs,
      what: () => `${condition} of ${slot}${service.lastOutput()}`,
    });
  try {
    await until('active', 5);
    const startedMs = performance.now();
    await until(`confirmed_flush_lsn >= '${backlog.endLsn}'`, 20);
    return (performance.now() - startedMs) / 1000;
  } finally {
    await client.end();
  }
}
