import type { Kind } from './kind.js';

const MS_PER_UNIT = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
// Digits can be read in one way only: with `\d+\.?\d*` a long run of them without a unit is tried in every division.
const DURATION = /^\+?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const NUMBER = /^[+-]?\d+(?:\.\d*)?$/;
const DURATION_ACCEPTED = 'a duration such as `500ms`, `30s` or `1m30s`';

/**
 * A Go duration string, in milliseconds. `0` needs no unit.
 * @see https://pkg.go.dev/time#ParseDuration
 */
export const duration: Kind<number> = {
  title: 'duration',
  shape: 'scalar',
  format: formatDuration,
  parse(node, report) {
    const text = node.kind === 'scalar' ? node.text.trim() : '';
    if (/^[+-]?0+$/.test(text)) return 0;
    if (DURATION.test(text)) {
      let ms = 0;
      for (const [, amount, unit] of text.matchAll(DURATION_PART))
        ms += Number(amount) * (MS_PER_UNIT.get(unit ?? '') ?? 0);
      // Sums such as 0.1 + 0.2 leave a dust of digits; nanoseconds are the finest unit.
      const rounded = Math.round(ms * 1e6) / 1e6;
      if (rounded <= Number.MAX_SAFE_INTEGER) return rounded;
    }
    report.fault(node, NUMBER.test(text) ? `${DURATION_ACCEPTED}; a bare number has no unit` : DURATION_ACCEPTED);
    return undefined;
  },
};

function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = Math.floor(ms / 1_000) % 60;
  const rest = ms % 1_000;
  const parts = [
    [hours, 'h'],
    [minutes, 'm'],
    [seconds, 's'],
    [rest, 'ms'],
  ] as const;
  return parts.map(([amount, unit]) => (amount === 0 ? '' : `${amount}${unit}`)).join('');
}

/** In powers of 1024, as PostgreSQL's own settings. */
const BYTES_PER_UNIT = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1024],
  ['mb', 1024 ** 2],
  ['gb', 1024 ** 3],
  ['tb', 1024 ** 4],
]);
const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?$/i;

/** A size such as `512KB`, `32MB` or a number of bytes, in bytes. */
export const size: Kind<number> = {
  title: 'size',
  shape: 'scalar',
  format(bytes) {
    for (const unit of ['GB', 'MB', 'KB']) {
      const factor = BYTES_PER_UNIT.get(unit.toLowerCase()) ?? 1;
      if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
    }
    return String(bytes);
  },
  parse(node, report) {
    const match = node.kind === 'scalar' ? SIZE.exec(node.text.trim()) : null;
    const factor = BYTES_PER_UNIT.get((match?.[2] ?? '').toLowerCase().replace('i', ''));
    const bytes = match === null || factor === undefined ? Number.NaN : Number(match[1]) * factor;
    if (Number.isSafeInteger(bytes)) return bytes;
    report.fault(node, 'a size such as `512KB`, `32MB` or a number of bytes');
    return undefined;
  },
};
