import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/**
 * Where servers and programs that the tests fetch are kept. Root's home cannot be entered by the account that runs the
 * database servers, so root keeps them below /var/cache unless XDG_CACHE_HOME says otherwise.
 */
export function cacheRoot(): string {
  const wanted = process.env['XDG_CACHE_HOME'] ?? '';
  if (wanted !== '') return join(wanted, 'wal-listener-tests');
  return join(process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache'), 'wal-listener-tests');
}

/**
 * Gives the folder `name` of a cache, filled by `fetch` (which gets an empty folder to write into) the first time. It
 * appears with all its files at once; runs at the same time do not disturb one another.
 */
export async function cached(root: string, name: string, fetch: (folder: string) => Promise<void>): Promise<string> {
  const target = join(root, name);
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  const temp = await mkdtemp(join(dirname(target), `${basename(target)}.fetching-`));
  try {
    const filled = join(temp, 'filled');
    await mkdir(filled);
    await fetch(filled);
    await rename(filled, target).catch((error: unknown) => {
      // Another run was quicker.
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  return target;
}
