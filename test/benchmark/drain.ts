import { type Backlog, type Part, PUBLICATION } from './backlog.js';
import type { Row, Table } from './report.js';
import { summarise } from './statistics.js';

export interface DrainMeasurement {
  /** From the stream's start to the last change confirmed. */
  readonly seconds: number;
  readonly peakRssBytes: number | undefined;
  /** User and system time the client took in these seconds. */
  readonly cpuSeconds: number | undefined;
}

/** What one drain is given. */
export interface DrainTask {
  readonly slot: string;
  /** How many rows wait in it. */
  readonly rows: number;
}

/** Something that drains a slot. */
export interface Contender {
  readonly name: string;
  /** A bare client of the same broker, beside the reference, that its rate is given in multiples of. */
  readonly comparedWith?: string;
  /** `tail` for one that would take too long for the whole backlog; its rate is that of fewer rows. Default: whole. */
  readonly part?: 'whole' | 'tail';
  /** Drains the slot up to `backlog.endLsn`; throws when it fails or events are missing. */
  drain(backlog: Backlog, task: DrainTask): Promise<DrainMeasurement>;
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
  const part = partOf(backlog, contender);
  const slot = await backlog.copySlot(part);
  try {
    return await contender.drain(backlog, { slot, rows: part.rows });
  } finally {
    await backlog.dropSlot(slot);
  }
}

function partOf(backlog: Backlog, { part = 'whole' }: Contender): Part {
  return part === 'tail' ? backlog.tail : backlog.whole;
}

function toTable(
  backlog: Backlog,
  contenders: readonly Contender[],
  measured: ReadonlyMap<string, readonly DrainMeasurement[]>,
): Table {
  const { rows, tailRows, kind, rowsPerTransaction } = backlog.size;
  const rates = new Map(
    contenders.map((contender) => {
      const results = measured.get(contender.name) ?? [];
      return [contender.name, results.map(({ seconds }) => partOf(backlog, contender).rows / seconds)];
    }),
  );
  const lines = contenders.map((contender): Row => {
    const { name, comparedWith, part } = contender;
    const results = measured.get(name) ?? [];
    const mine = rates.get(name) ?? [];
    const against = (label: string, other: string | undefined) => {
      const others = other === undefined ? [] : (rates.get(other) ?? []);
      const ratios = mine.flatMap((rate, run) => {
        const reference = others[run];
        return reference === undefined ? [] : [rate / reference];
      });
      return ratios.length === 0 ? {} : { [`× ${label}`]: summarise(ratios) };
    };
    const cpu = results.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
    const rss = results.flatMap(({ peakRssBytes }) => (peakRssBytes === undefined ? [] : [peakRssBytes / 2 ** 20]));
    return {
      name: part === 'tail' ? `${name} *` : name,
      cells: {
        'rows/s': summarise(mine),
        ...against(REFERENCE, REFERENCE),
        ...against('bare loop', comparedWith),
        ...(cpu.length > 0 && { 'CPU s': summarise(cpu) }),
        ...(rss.length > 0 && { 'peak RSS MiB': summarise(rss) }),
      },
    };
  });
  const spread =
    rowsPerTransaction === 1 ? 'one row a transaction' : `${String(rowsPerTransaction)} rows a transaction`;
  const note = contenders.some(({ part }) => part === 'tail') ? `; * the last ${tailRows.toLocaleString('en')}` : '';
  return {
    title: `drain ${kind}: ${rows.toLocaleString('en')} rows, ${spread}, publication ${PUBLICATION}, PostgreSQL ${backlog.serverVersion}${note}`,
    rows: lines,
  };
}
