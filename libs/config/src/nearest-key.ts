/** A key without its case, `_` and `-`: what keys and variables are compared by. */
export function normalizeKey(key: string): string {
  return key.toLowerCase().replace(/[_-]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(row, j - 1) + 1, at(last, j) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/** Long enough for any key; what is longer is no typo, and comparing it would cost time. */
const MAX_COMPARED_CHARS = 80;

/**
 * The known path that an unknown one most likely means, or undefined when none is near. A key of the right name in the
 * wrong section counts as near.
 */
export function nearestPath(unknown: string, known: readonly string[]): string | undefined {
  if (unknown.length > MAX_COMPARED_CHARS) return undefined;
  const wanted = splitPath(unknown);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const path of known) {
    const candidate = splitPath(path);
    const limit = Math.max(1, Math.floor(candidate.name.length / 3));
    const elsewhere = candidate.section === wanted.section ? 0 : 1;
    const distance = Math.min(
      boundedDistance(wanted.whole, candidate.whole, limit),
      boundedDistance(wanted.name, candidate.name, limit) + elsewhere,
    );
    if (distance <= limit && distance < bestDistance) {
      best = path;
      bestDistance = distance;
    }
  }
  return best;
}

/** The edit distance, or infinity when the lengths alone say that it exceeds the limit. */
function boundedDistance(a: string, b: string, limit: number): number {
  return Math.abs(a.length - b.length) > limit ? Number.POSITIVE_INFINITY : editDistance(a, b);
}

interface SplitPath {
  readonly whole: string;
  readonly section: string;
  readonly name: string;
}

function splitPath(path: string): SplitPath {
  const dot = path.lastIndexOf('.');
  const section = normalizeKey(path.slice(0, Math.max(0, dot)));
  const name = normalizeKey(path.slice(dot + 1));
  return { whole: normalizeKey(path).replaceAll('.', ''), section, name };
}
