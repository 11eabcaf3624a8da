import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type LogFields } from '#lib/kernel';
import { HeapSnapshots } from './heap-snapshots.js';

let folder: string;
let lines: string[];
const log = (level: string) => (message: string, fields?: LogFields) => {
  lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
};
const logger = { ...silentLogger, info: log('info'), warn: log('warn'), error: log('error') };
/** Says what mode the file had before anything was in it. */
const write = (path: string): void =>
  writeFileSync(path, `${String(statSync(path).size)} ${(statSync(path).mode & 0o777).toString(8)}`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wal-listener-heap-'));
  lines = [];
});
afterEach(() => {
  process.removeAllListeners('SIGUSR2');
  rmSync(folder, { recursive: true });
});

describe('HeapSnapshots', () => {
  it('writes one file per request, each for its owner only from the start, and logs its path', () => {
    const snapshots = new HeapSnapshots(write);
    snapshots.request();
    snapshots.configure(folder, logger);
    snapshots.request();
    snapshots.request();
    const files = readdirSync(folder);
    expect(files).toHaveLength(3);
    for (const file of files) {
      expect(file).toMatch(/^wal-listener-\d+-\w+-\d+\.heapsnapshot$/);
      expect(readFileSync(join(folder, file), 'utf8')).toBe('0 600');
      expect(lines.filter((line) => line.startsWith('info') && line.includes(join(folder, file)))).toHaveLength(1);
    }
    expect(lines).toHaveLength(3);
  });

  it('says in one line that it is off, that the directory cannot be written to, and that the disk is full', () => {
    const off = new HeapSnapshots(write);
    off.configure(undefined, logger);
    off.request();
    expect(lines).toEqual([expect.stringMatching(/^warn .*heapSnapshotDir/)]);

    const missing = new HeapSnapshots(write);
    missing.configure(join(folder, 'absent'), logger);
    missing.request();
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(/^warn heapSnapshotDir cannot be written to .*absent.*ENOENT/),
      expect.stringMatching(/^error .*absent.*ENOENT/),
    ]);

    const full = new HeapSnapshots((path) => {
      writeFileSync(path, 'a part');
      throw new Error('ENOSPC');
    });
    full.configure(folder, logger);
    full.request();
    expect(lines.slice(3)).toEqual([expect.stringMatching(/^error .*ENOSPC/)]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
