import { freePort } from '../support/free-port.js';
import { startService } from '../support/service.js';
import type { Backlog } from './backlog.js';
import { DISCARD_ENTRY, noBroker } from './contenders.js';
import { openNats } from './nats-drain.js';
import { ProcessUsage } from './process-usage.js';
import { type ProbeAnswer, Prober } from './prober.js';
import type { Row, Table } from './report.js';
import { type DrainTarget, drainVariables, timeDrain } from './service-drain.js';
import { quantile, summarise } from './statistics.js';

/** Kubernetes asks every few seconds; more often would measure the asking, on two cores that the drain needs. */
const INTERVAL_MS = 100;
const PROBE_PATHS = ['/healthz', '/ready'];
const METRICS_PATH = '/metrics';
const CONNECTIONS = ['kept', 'fresh'] as const;

interface Load {
  readonly name: string;
  readonly open: () => Promise<DrainTarget>;
  readonly entry?: string;
}

const LOADS: readonly Load[] = [
  { name: '→ nothing', open: noBroker, entry: DISCARD_ENTRY },
  { name: '→ NATS', open: openNats },
];

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * How long probes and metrics take to answer while the program does all it can: drains the whole backlog to a publisher
 * that drops everything, and to NATS.
 *
 * @throws Error when an answer is missing or is not 200
 */
export async function measureProbes(backlog: Backlog, runs: number, log: (line: string) => void): Promise<Table> {
  const rows: Row[] = [];
  for (const load of LOADS) {
    const results: ReadonlyMap<string, Percentiles>[] = [];
    for (let run = 1; run <= runs; run += 1) {
      const answers = await probeDrain(backlog, load);
      results.push(percentiles(answers));
      const worst = Math.max(...answers.map(({ tookMs }) => tookMs));
      log(`  run ${String(run)} ${load.name}: ${String(answers.length)} answers, the slowest ${worst.toFixed(1)} ms`);
    }
    rows.push(...toRows(load.name, results));
  }
  const { kind, rows: count } = backlog.size;
  return {
    title: `probes while draining ${kind}: ${count.toLocaleString('en')} rows, each path every ${String(INTERVAL_MS)} ms`,
    rows,
  };
}

async function probeDrain(backlog: Backlog, { name, open, entry }: Load): Promise<readonly ProbeAnswer[]> {
  const slot = await backlog.copySlot(backlog.whole);
  try {
    await using target = await open();
    const [port, metricsPort] = [await freePort(), await freePort()];
    await using service = startService(
      {
        ...drainVariables(backlog, slot),
        ...target.env,
        WAL_LISTENER_SERVER_PORT: String(port),
        WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(metricsPort)}`,
      },
      { keepStdout: false, ...(entry !== undefined && { entry }) },
    );
    const probes = PROBE_PATHS.map((path) => ({ path, port }));
    await using prober = new Prober([...probes, { path: METRICS_PATH, port: metricsPort }], INTERVAL_MS);
    using usage = new ProcessUsage();
    const { seconds } = await timeDrain(backlog, slot, service, usage);
    const endMs = performance.now();
    const startMs = endMs - seconds * 1000;
    await prober[Symbol.asyncDispose]();
    await service.terminate();
    const answers = prober.answers.filter(({ askedMs }) => askedMs >= startMs && askedMs <= endMs);
    const wrong = answers.find(({ status }) => status !== 200);
    if (wrong !== undefined) throw new Error(`${name}: ${wrong.path} answered ${String(wrong.status)} while draining`);
    return answers;
  } finally {
    await backlog.dropSlot(slot);
  }
}

/** By `path, connection`. */
function percentiles(answers: readonly ProbeAnswer[]): ReadonlyMap<string, Percentiles> {
  const series = [...PROBE_PATHS, METRICS_PATH].flatMap((path) =>
    CONNECTIONS.map((connection) => ({ path, connection })),
  );
  return new Map(
    series.map(({ path, connection }) => {
      const mine = answers.filter((answer) => answer.path === path && answer.connection === connection);
      const sorted = mine.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
      const figures = { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) };
      return [`${path}, ${connection} connection`, figures];
    }),
  );
}

function toRows(load: string, results: readonly ReadonlyMap<string, Percentiles>[]): Row[] {
  const names = [...(results[0]?.keys() ?? [])];
  return names.map((name) => {
    const mine = results.flatMap((result) => result.get(name) ?? []);
    return {
      name: `${load}: ${name}`,
      cells: {
        'p50 ms': summarise(mine.map(({ p50 }) => p50)),
        'p99 ms': summarise(mine.map(({ p99 }) => p99)),
        'max ms': summarise(mine.map(({ max }) => max)),
      },
    };
  });
}
