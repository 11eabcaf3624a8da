import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { repositoryRoot } from '../support/service.js';
import type { Cell } from './cells.js';

export interface CellResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

const COUNTS = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm;

/** Runs a cell's suites; everything they print goes to `log`. What cannot be run counts as one failure. */
export async function runCell(cell: Cell, log: string): Promise<CellResult> {
  const started = performance.now();
  const output = createWriteStream(log);
  let text = '';
  const write = (chunk: Buffer | string) => {
    text += chunk.toString();
    output.write(chunk);
  };
  let exitCode: number | null = 1;
  try {
    exitCode = await runSuites(cell, write);
  } catch (error) {
    write(`${String(error)}\n`);
  }
  output.end();
  await finished(output);
  const [, passed = 0, failed = 0, skipped = 0] = ([...text.matchAll(COUNTS)].at(-1) ?? []).map(Number);
  const seconds = Math.round((performance.now() - started) / 1000);
  // A run that failed without saying what must not look like a success.
  return { name: cell.name, passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped, seconds };
}

async function runSuites(cell: Cell, write: (chunk: Buffer) => void): Promise<number | null> {
  const { env, node = process.execPath } = await cell.prepare();
  const vitest = join(repositoryRoot(), 'node_modules', 'vitest', 'vitest.mjs');
  const path = [dirname(node), process.env['PATH'] ?? ''].join(delimiter);
  const child = spawn(node, [vitest, 'run', ...cell.suites], {
    cwd: repositoryRoot(),
    env: { ...process.env, NO_COLOR: '1', ...env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', write);
  child.stderr.on('data', write);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}
