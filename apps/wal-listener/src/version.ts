import { readFileSync } from 'node:fs';

/** The version in package.json, which lies four folders above the built file and three above the source. */
export function version(): string {
  for (const path of ['../../../../package.json', '../../../package.json']) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (name === 'wal-listener' && found !== undefined) return found;
    } catch {
      // Not there: the other place.
    }
  }
  return 'unknown';
}
