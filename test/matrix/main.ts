import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CELLS } from './cells.js';
import { type CellResult, runCell } from './run-cell.js';

const TAIL_LINES = 60;

/** `npm run test:matrix [-- NAME...]`: all cells, or those named, one after the other; exits 1 when one fails. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !CELLS.some((cell) => cell.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`unknown: ${unknown.join(', ')}; there are ${CELLS.map(({ name }) => name).join(', ')}\n`);
    return 2;
  }
  const cells = names.length === 0 ? CELLS : CELLS.filter(({ name }) => names.includes(name));
  const folder = mkdtempSync(join(tmpdir(), 'wal-listener-matrix-'));
  const results: CellResult[] = [];
  for (const cell of cells) {
    const log = join(folder, `${cell.name}.log`);
    process.stdout.write(`${cell.name}: running (${log})\n`);
    const result = await runCell(cell, log);
    results.push(result);
    process.stdout.write(`${describe(result)}\n`);
    if (result.failed > 0) process.stdout.write(`${tail(log)}\n`);
  }
  process.stdout.write(`\n${results.map(describe).join('\n')}\n`);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  process.stdout.write(
    `\n${String(results.reduce((sum, result) => sum + result.passed, 0))} passed, ${String(failed)} failed\n`,
  );
  return failed === 0 ? 0 : 1;
}

function describe({ name, passed, failed, skipped, seconds }: CellResult): string {
  const left = skipped > 0 ? `, ${String(skipped)} skipped` : '';
  return `${name.padEnd(12)} ${String(passed)} passed, ${String(failed)} failed${left} (${String(seconds)} s)`;
}

function tail(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-TAIL_LINES).join('\n');
}

process.exitCode = await main(process.argv.slice(2));
