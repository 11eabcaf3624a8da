import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Summary } from './statistics.js';
import { describeVersions } from './versions.js';

/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  readonly cells: Readonly<Record<string, string | number | Summary>>;
}

/** One table: what was measured, under what conditions. */
export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Processes that wanted a core in the minute before; near 0 on a machine with nothing else to do. */
  readonly load: number;
  readonly commit: string;
  readonly date: string;
}

/** What the figures depend on besides the program. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${release()} ${arch()}`,
    node: process.version,
    versions: describeVersions(),
    load: loadavg()[0] ?? 0,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** Machine and versions, three lines. */
export function describeConditions(machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, node, versions, load, commit: built, date } = machine;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${String(cores)} cores, ${String(memoryGiB)} GiB; Linux ${kernel}; load ${load.toFixed(1)}`,
    `Node ${node}; ${programs.join('; ')}`,
    `commit ${built}; ${date}`,
  ].join('\n');
}

/** The table as aligned text; columns in the order in which the rows name them first. */
export function formatTable({ title, rows }: Table): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.cells)))];
  const lines = [['', ...columns], ...rows.map((row) => [row.name, ...columns.map((name) => cell(row.cells[name]))])];
  const widths = ['', ...columns].map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((value, index) => (index === 0 ? value.padEnd(widths[0] ?? 0) : value.padStart(widths[index] ?? 0)))
      .join('  '),
  );
  return [title, ...text.map((line) => line.trimEnd())].join('\n');
}

function cell(value: string | number | Summary | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return figure(value);
  return value.runs === 1
    ? figure(value.median)
    : `${figure(value.median)} (${figure(value.min)}–${figure(value.max)})`;
}

function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Writes machine and tables, with every figure unrounded, as JSON. */
export async function writeReport(path: string, machine: Machine, tables: readonly Table[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify({ machine, tables }, null, 2)}\n`);
}
