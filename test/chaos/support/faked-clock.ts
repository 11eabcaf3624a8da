import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installMissingPackages } from '../../support/install-packages.js';
import { tempDir, type TempDir } from '../../support/temp-dir.js';

const PACKAGE = 'libfaketime';

/** The wall clock of the programs started with `env`, which jumps when told to; their monotonic clock goes on as ever. */
export class FakedClock implements AsyncDisposable {
  private constructor(
    private readonly dir: TempDir,
    private readonly library: string,
  ) {}

  static async start(): Promise<FakedClock> {
    const clock = new FakedClock(await tempDir(), libraryPath());
    await clock.jump(0);
    return clock;
  }

  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on the wall clock is this many hours ahead of the machine's; negative = behind. */
  async jump(hours: number): Promise<void> {
    await writeFile(this.file, `${hours < 0 ? '' : '+'}${String(hours)}h\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }

  private get file(): string {
    return join(this.dir.path, 'offset');
  }
}

/** The library; installed first where it is missing. @throws Error that says what to install */
function libraryPath(): string {
  installMissingPackages([{ package: PACKAGE, found: () => findLibrary() !== undefined }]);
  const library = findLibrary();
  if (library === undefined) throw new Error(`${PACKAGE} is not installed (apt-get install ${PACKAGE})`);
  return library;
}

function findLibrary(): string | undefined {
  try {
    const files = execFileSync('dpkg', ['-L', PACKAGE], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return files.split('\n').find((file) => file.endsWith('/libfaketime.so.1') && existsSync(file));
  } catch {
    return undefined;
  }
}
