import { type PostgresServer, startPostgres } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';
import type { Row, Table } from './report.js';
import { quantile, summarise } from './statistics.js';

const SLOT = 'bench_latency';
const WRITERS = 4;

/** Receives events of the running program for a latency measurement. */
export interface LatencyTarget extends AsyncDisposable {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Calls back with the body of every event from now on; lines of standard output when it is absent. */
  subscribe?(onEvent: (body: string) => void): Promise<void>;
}

export type OpenLatencyTarget = () => Promise<LatencyTarget>;

/**
 * From a commit's time, as PostgreSQL stamps it, to the event at the consumer, at fixed rates of single-row commits.
 * Reader and writers share the machine, so both clocks are one.
 */
export async function measureLatency(
  targets: readonly OpenLatencyTarget[],
  commitsPerSecond: readonly number[],
  durationMs: number,
  runs: number,
  log: (line: string) => void,
): Promise<Table[]> {
  const rows: Row[] = [];
  for (const open of targets) {
    for (const rate of commitsPerSecond) {
      const results: Percentiles[] = [];
      let name = '';
      for (let run = 1; run <= runs; run += 1) {
        await using target = await open();
        name = target.name;
        const result = await measureOnce(target, rate, durationMs);
        results.push(result);
        log(
          `  run ${String(run)} ${name} ${String(rate)}/s: p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`,
        );
      }
      rows.push({
        name: `${name}, ${rate.toLocaleString('en')} commits/s`,
        cells: {
          'p50 ms': summarise(results.map(({ p50 }) => p50)),
          'p99 ms': summarise(results.map(({ p99 }) => p99)),
          'max ms': summarise(results.map(({ max }) => max)),
          'reached/s': summarise(results.map(({ reached }) => reached)),
        },
      });
    }
  }
  return [
    { title: `latency from commit to consumer, single-row transactions for ${String(durationMs / 1000)} s`, rows },
  ];
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Commits a second that the writers managed. */
  readonly reached: number;
}

async function measureOnce(target: LatencyTarget, rate: number, durationMs: number): Promise<Percentiles> {
  await using server = await startPostgres({ version: 18 });
  await server.query('CREATE TABLE ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)');
  const latencies: number[] = [];
  const receive = (body: string) => {
    const receivedMs = performance.timeOrigin + performance.now();
    const committedMs = commitTimeMs(body);
    if (committedMs !== undefined) latencies.push(receivedMs - committedMs);
  };
  await target.subscribe?.(receive);
  await using service = startService(
    { ...databaseVariables(server), WAL_LISTENER_SLOT_NAME: SLOT, WAL_LOGGER_LEVEL: 'warn', ...target.env },
    { keepStdout: false, ...(target.subscribe === undefined && { onLine: receive }) },
  );
  await waitFor(
    async () =>
      (await server.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = '${SLOT}' AND active`)).length > 0,
    { what: () => `the slot to be streamed from${service.lastOutput()}`, deadlineMs: 30_000 },
  );
  // The compiler's first encounter with the code is not what is measured.
  const warm = await commitAtRate(server, rate, 2_000);
  await waitFor(() => latencies.length >= warm, { what: 'the warm-up', deadlineMs: 60_000 });
  latencies.length = 0;
  const committed = await commitAtRate(server, rate, durationMs);
  await waitFor(() => latencies.length >= committed, {
    what: () => `${String(committed)} events, ${String(latencies.length)} are there${service.lastOutput()}`,
    deadlineMs: 120_000,
  });
  await service.terminate();
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: quantile(sorted, 1),
    reached: committed / (durationMs / 1000),
  };
}

/**
 * Commits single rows for a while, spread evenly over time and connections; gives their number. The server itself keeps
 * the pace: a client that sends thousands of statements a second would take the machine from what is measured.
 */
async function commitAtRate(server: PostgresServer, rate: number, durationMs: number): Promise<number> {
  const count = 'SELECT count(*)::int AS count FROM ticks';
  const [before] = await server.query<{ count: number }>(count);
  const pace = `
    DO $$
    DECLARE
      started timestamptz := clock_timestamp();
      elapsed float8 := 0;
      sent int := 0;
    BEGIN
      WHILE elapsed < ${String(durationMs / 1000)} LOOP
        WHILE sent < elapsed * ${String(rate / WRITERS)} LOOP
          INSERT INTO ticks (note) VALUES ('one more of many');
          COMMIT;
          sent := sent + 1;
        END LOOP;
        PERFORM pg_sleep(0.0005);
        elapsed := extract(epoch FROM clock_timestamp() - started);
      END LOOP;
    END $$`;
  await Promise.all(Array.from({ length: WRITERS }, () => server.query(pace)));
  const [after] = await server.query<{ count: number }>(count);
  return (after?.count ?? 0) - (before?.count ?? 0);
}

/** The commitTime of an event in milliseconds since 1970 with its microseconds, which Date.parse would drop. */
function commitTimeMs(body: string): number | undefined {
  const [, seconds, fraction = ''] = /"commitTime":"([^".Z]+)(?:\.(\d+))?Z"/.exec(body) ?? [];
  if (seconds === undefined) return undefined;
  return Date.parse(`${seconds}Z`) + Number(fraction.padEnd(6, '0')) / 1000;
}
