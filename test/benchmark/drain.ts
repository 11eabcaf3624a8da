import { type Backlog, PUBLICATION } from './backlog.js';
import type { Row, Table } from './report.js';
import { summarise } from './statistics.js';

export interface DrainMeasurement {
  /** From the stream's start to the last change confirmed. */
  readonly seconds: number;
  readonly peakRssBytes: number | undefined;
  /** User and system time the client took in these seconds. */
  readonly cpuSeconds: number | undefined;
}

/** Something that drains a slot. */
export interface Contender {
  readonly name: string;
  /** Another contender, beside the reference, that its rate is given in multiples of. */
  readonly comparedWith?: string;
  /** Drains `slot` up to `backlog.endLsn`; throws when it fails or events are missing. */
  drain(backlog: Backlog, slot: string): Promise<DrainMeasurement>;
}

/** PostgreSQL's own client, the measure of all others: rates are also given in multiples of its own. */
export const REFERENCE = 'pg_recvlogical';

/**
 * Lets every contender drain its own copy of the same slot, `runs` times, in turn: what the machine does meanwhile
 * meets all alike. The first contender's first drain warms the file system's cache and is not counted.
 */
export async function measureDrain(
  backlog: Backlog,
  contenders: readonly Contender[],
  runs: number,
  log: (line: string) => void,
): Promise<Table> {
  const measured = new Map<string, DrainMeasurement[]>(contenders.map(({ name }) => [name, []]));
  const [first] = contenders;
  if (first !== undefined) await drainCopy(backlog, first);
  for (let run = 1; run <= runs; run += 1) {
    for (const contender of contenders) {
      const result = await drainCopy(backlog, contender);
      measured.get(contender.name)?.push(result);
      log(`  run ${String(run)} ${contender.name}: ${result.seconds.toFixed(2)} s`);
    }
  }
  return toTable(backlog, contenders, measured);
}

async function drainCopy(backlog: Backlog, contender: Contender): Promise<DrainMeasurement> {
  const slot = await backlog.copySlot();
  try {
    return await contender.drain(backlog, slot);
  } finally {
    await backlog.dropSlot(slot);
  }
}

function toTable(
  backlog: Backlog,
  contenders: readonly Contender[],
  measured: ReadonlyMap<string, readonly DrainMeasurement[]>,
): Table {
  const { rows, kind, rowsPerTransaction } = backlog.size;
  const rates = (results: readonly DrainMeasurement[]) => results.map(({ seconds }) => rows / seconds);
  const lines = contenders.map(({ name, comparedWith }): Row => {
    const results = measured.get(name) ?? [];
    const against = (other: string | undefined) => {
      const others = other === undefined ? [] : (measured.get(other) ?? []);
      const ratios = results.flatMap(({ seconds }, run) => {
        const reference = others[run];
        return reference === undefined ? [] : [reference.seconds / seconds];
      });
      return ratios.length === 0 ? {} : { [`× ${other ?? ''}`]: summarise(ratios) };
    };
    const cpu = results.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
    const rss = results.flatMap(({ peakRssBytes }) => (peakRssBytes === undefined ? [] : [peakRssBytes / 2 ** 20]));
    return {
      name,
      cells: {
        'rows/s': summarise(rates(results)),
        ...against(REFERENCE),
        ...against(comparedWith),
        ...(cpu.length > 0 && { 'CPU s': summarise(cpu) }),
        ...(rss.length > 0 && { 'peak RSS MiB': summarise(rss) }),
      },
    };
  });
  const spread =
    rowsPerTransaction === 1 ? 'one row a transaction' : `${String(rowsPerTransaction)} rows a transaction`;
  return {
    title: `drain ${kind}: ${rows.toLocaleString('en')} rows, ${spread}, publication ${PUBLICATION}, PostgreSQL ${backlog.serverVersion}`,
    rows: lines,
  };
}
