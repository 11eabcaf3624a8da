import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, cacheRoot } from './cache-folder.js';

/** Builds a program with `go install` the first time, keeps it, and gives its path. */
export async function ensureGoProgram(name: string, modulePath: string, version: string): Promise<string> {
  const folder = await cached(cacheRoot(), `${name}-${version}`, async (target) => {
    process.stdout.write(`Building ${name} ${version} with go install …\n`);
    // Where Go is usually unpacked, which is not on every user's PATH.
    const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go';
    try {
      const env = { ...process.env, GOBIN: target };
      await promisify(execFile)(go, ['install', `${modulePath}@${version}`], { env, timeout: 900_000 });
    } catch (error) {
      throw new Error(`${name} ${version} could not be built (it needs Go, see go.dev)`, { cause: error });
    }
  });
  return join(folder, name);
}
