import { accessSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import type { Logger } from '#lib/kernel';

/** A snapshot holds rows and secrets: for the owner's eyes only. */
const OWNER_ONLY = 0o600;

interface Target {
  readonly directory: string | undefined;
  readonly logger: Logger;
}

/**
 * SIGUSR2 from the moment it is made: each one writes a heap snapshot. Made before the service is loaded, since Node ends
 * a process that gets this signal and does not listen for it; what comes before `configure` waits for it.
 */
export class HeapSnapshots {
  private target: Target | undefined;
  private waiting = 0;
  private taken = 0;

  /** @param write writes the heap to an existing file, at once: nothing else runs meanwhile */
  constructor(private readonly write: (path: string) => unknown = writeHeapSnapshot) {
    process.on('SIGUSR2', () => this.request());
  }

  /** Says where snapshots go (undefined = they are off); warns of a directory that cannot take them. */
  configure(directory: string | undefined, logger: Logger): void {
    this.target = { directory: directory === undefined ? undefined : resolve(directory), logger };
    warnUnlessWritable(this.target);
    for (; this.waiting > 0; this.waiting -= 1) this.take(this.target);
  }

  /** What the signal does. Never throws; one after the other, each in a file of its own. */
  request(): void {
    if (this.target === undefined) this.waiting += 1;
    else this.take(this.target);
  }

  private take({ directory, logger }: Target): void {
    if (directory === undefined) {
      logger.warn('SIGUSR2: heap snapshots are off; heapSnapshotDir turns them on');
      return;
    }
    const startedMs = performance.now();
    const path = join(directory, this.nextName());
    try {
      this.writeTo(path);
      const tookMs = Math.round(performance.now() - startedMs);
      logger.info('heap snapshot written; it holds rows and secrets', { path, bytes: statSync(path).size, tookMs });
    } catch (error) {
      logger.error('no heap snapshot could be written', { path, error: String(error) });
    }
  }

  private writeTo(path: string): void {
    // Never a file that is there already: it might be readable for others, or lead elsewhere.
    closeSync(openSync(path, 'wx', OWNER_ONLY));
    try {
      this.write(path);
    } catch (error) {
      // A part of one helps nobody, and the disk may be full.
      rmSync(path, { force: true });
      throw error;
    }
  }

  private nextName(): string {
    this.taken += 1;
    const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
    return `wal-listener-${String(process.pid)}-${time}-${String(this.taken)}.heapsnapshot`;
  }
}

/** When one is wanted the process is in trouble: too late to learn that there is no place for it. */
function warnUnlessWritable({ directory, logger }: Target): void {
  if (directory === undefined) return;
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    logger.warn('heapSnapshotDir cannot be written to', { path: directory, error: String(error) });
  }
}
