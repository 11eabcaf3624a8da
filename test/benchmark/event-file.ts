import { dirname, join } from 'node:path';
import { Child } from '../support/child-process.js';
import { builtEntry } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import type { Backlog } from './backlog.js';
import { ProcessUsage } from './process-usage.js';
import { drainVariables, timeDrain } from './service-drain.js';

const written = new WeakMap<Backlog, string>();

/** A file with the whole backlog's events as the program publishes them, one a line; written at the first call. */
export async function eventFile(backlog: Backlog): Promise<string> {
  const existing = written.get(backlog);
  if (existing !== undefined) return existing;
  const dir = await tempDir();
  backlog.adopt(dir);
  const path = join(dir.path, 'events');
  const slot = await backlog.copySlot(backlog.whole);
  await writeEvents(backlog, slot, path);
  await backlog.dropSlot(slot);
  written.set(backlog, path);
  return path;
}

async function writeEvents(backlog: Backlog, slot: string, path: string): Promise<void> {
  // The shell only opens the file: half a million lines are not to go through a pipe to here.
  await using service = Child.start('/bin/sh', {
    args: ['-c', 'exec "$0" "$1" > "$2"', process.execPath, builtEntry(), path],
    env: { ...drainVariables(backlog, slot), WAL_PUBLISHER_TYPE: 'stdout' },
    cwd: dirname(path),
  });
  using usage = new ProcessUsage();
  await timeDrain(backlog, slot, service, usage);
  await service.terminate();
}
