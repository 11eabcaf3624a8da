import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Backlog, type BacklogKind, backlogSize } from './backlog.js';
import { chooseContenders } from './contenders.js';
import { benchDecodeEncode } from './decode-encode.js';
import { measureDrain } from './drain.js';
import { measureLatency } from './latency.js';
import { latencyTargets } from './latency-targets.js';
import { measureProbes } from './probes.js';
import { describeMachine, formatTable, describeConditions, type Table, writeReport } from './report.js';
import { summarise } from './statistics.js';

interface BenchOptions {
  /** How often each figure is taken. */
  readonly runs: number;
  /** A tenth of the size: to see that it works, and for a quick comparison. */
  readonly small: boolean;
  /** Words in the names of the contenders of a drain; none = all. */
  readonly only: readonly string[];
  /** Backlogs of a drain. */
  readonly kinds: readonly BacklogKind[];
}

const KINDS = ['batched', 'single'] as const satisfies readonly BacklogKind[];

type Benchmark = (options: BenchOptions) => Promise<Table[]>;

const log = (line: string) => void process.stderr.write(`${line}\n`);

/** Every benchmark by the name it is asked for. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  async drain({ runs, small, only, kinds }) {
    const contenders = chooseContenders(only);
    const tables: Table[] = [];
    for (const kind of kinds) {
      log(`building the ${kind} backlog …`);
      await using backlog = await Backlog.build(backlogSize(kind, small));
      tables.push(await measureDrain(backlog, contenders, runs, log));
    }
    return tables;
  },

  decode({ runs, small }) {
    const results = Array.from({ length: runs }, () => benchDecodeEncode(small ? 500 : 2_000));
    const cells = {
      'rows/s': summarise(results.map(({ rowsPerSecond }) => rowsPerSecond)),
      'bytes/event': results[0]?.bytesPerEvent ?? 0,
    };
    return Promise.resolve([{ title: 'decode and encode, one thread, in memory', rows: [{ name: 'insert', cells }] }]);
  },

  latency({ runs, small }) {
    return measureLatency(latencyTargets, [1_000, 2_000], small ? 3_000 : 15_000, runs, log);
  },

  async probes({ runs, small, kinds }) {
    const tables: Table[] = [];
    for (const kind of kinds) {
      log(`building the ${kind} backlog …`);
      await using backlog = await Backlog.build(backlogSize(kind, small));
      tables.push(await measureProbes(backlog, runs, log));
    }
    return tables;
  },
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      small: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      kind: { type: 'string' },
      json: { type: 'string', default: 'reports/benchmark.json' },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
  const chosen = names.map((name) => {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined)
      throw new Error(`no benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
    return benchmark;
  });
  const options: BenchOptions = {
    runs: Number(values.runs),
    small: values.small,
    only: values.only.flatMap((words) => words.split(',')),
    kinds: values.kind === undefined ? KINDS : [kindNamed(values.kind)],
  };
  const machine = describeMachine();
  process.stdout.write(`${describeConditions(machine)}\n`);
  const tables: Table[] = [];
  for (const benchmark of chosen) {
    const found = await benchmark(options);
    for (const table of found) process.stdout.write(`\n${formatTable(table)}\n`);
    tables.push(...found);
  }
  const path = resolve(values.json);
  await writeReport(path, machine, tables);
  process.stdout.write(`\nevery figure: ${path}\n`);
}

function kindNamed(name: string): BacklogKind {
  const kind = KINDS.find((known) => known === name);
  if (kind === undefined) throw new Error(`no backlog ${name}; there are ${KINDS.join(', ')}`);
  return kind;
}

// Through the exit handlers, which stop the servers and remove their data.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
await main();
