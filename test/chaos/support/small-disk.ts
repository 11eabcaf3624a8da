import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempDir, type TempDir } from '../../support/temp-dir.js';

/** A file system of its own in memory, so small that it can be filled up. Needs root, for it is mounted. */
export class SmallDisk implements TempDir {
  private constructor(private readonly mountPoint: TempDir) {}

  static async mount(megabytes: number): Promise<SmallDisk> {
    const mountPoint = await tempDir();
    try {
      await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'small-disk', mountPoint.path]);
    } catch (error) {
      await mountPoint[Symbol.asyncDispose]();
      throw new Error('a file system that can be filled up has to be mounted: run this test as root', { cause: error });
    }
    return new SmallDisk(mountPoint);
  }

  get path(): string {
    return this.mountPoint.path;
  }

  /** Takes away all room but this much. */
  async fillUp(leftBytes = 0): Promise<void> {
    const { bavail, bsize } = await statfs(this.path);
    const ballast = Buffer.alloc(Math.max(0, bavail * bsize - leftBytes));
    // Somebody else took the rest meanwhile.
    await writeFile(this.ballast, ballast).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    });
  }

  /** Gives the room back. */
  async makeRoom(): Promise<void> {
    await rm(this.ballast, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await promisify(execFile)('umount', ['--lazy', this.path]);
    await rmdir(this.path);
  }

  private get ballast(): string {
    return join(this.path, 'ballast');
  }
}

/** Whether a SmallDisk can be mounted here: suites that need it are skipped (and counted as that) when not. */
export const smallDiskAvailable: boolean = mayMount();

/** The suite's name, which says why it is skipped when it is. */
export const smallDiskSuite = (name: string): string =>
  smallDiskAvailable ? name : `${name} [SKIPPED, may not mount a small disk: run as root]`;

/** Whether the process has CAP_SYS_ADMIN, the 22nd of the bits (capabilities(7)). */
function mayMount(): boolean {
  const bits = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${bits}`) >> 21n) & 1n) === 1n;
}
