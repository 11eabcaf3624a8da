/** Several measurements of one thing. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** Median, least and greatest. Throws when there is nothing to summarise. */
export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error('nothing was measured');
  return { median: quantile(sorted, 0.5), min, max, runs: values.length };
}

/** The value below which the share `q` (0..1) of the sorted values lies, between neighbours by proportion. */
export function quantile(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q;
  const lower = sorted[Math.floor(position)];
  const upper = sorted[Math.ceil(position)];
  if (lower === undefined || upper === undefined) throw new Error('nothing was measured');
  return lower + (upper - lower) * (position - Math.floor(position));
}
