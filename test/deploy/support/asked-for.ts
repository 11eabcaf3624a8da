import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';

/** `require('./x')`, `import('./x')`, `from './x'` and `import './x'` with a literal, relative path. */
const RELATIVE = /(?:\brequire\(\s*|\bimport\(\s*|\bfrom\s*|\bimport\s*)(["'])(\.{1,2}(?:\/[^"'\n]*)?)\1/g;
const ENDINGS = [
  '',
  '.js',
  '.cjs',
  '.mjs',
  '.json',
  '.node',
  '/index.js',
  '/index.cjs',
  '/index.json',
  '/package.json',
];
const PROGRAM = /\.[cm]?js$/;
/** Named in comments that give types. */
const DECLARATIONS = /\.[cm]?ts$/;

/** A tree of files; paths begin with `/`. */
interface Tree {
  readonly paths: ReadonlySet<string>;
  /** Where a file is on this machine. */
  locate(path: string): string;
}

/**
 * What programs of `kept` ask for by a relative path and only `all`, the same tree before something was taken out of
 * it, has: as `asking file → what it asks for`. Sees modules that are loaded late too, on the first use of a feature.
 */
export async function missingModules(kept: Tree, all: ReadonlySet<string>): Promise<string[]> {
  const missing: string[] = [];
  for (const path of [...kept.paths].filter((candidate) => PROGRAM.test(candidate))) {
    const source = await readFile(kept.locate(path), 'utf8');
    for (const [, , asked = ''] of source.matchAll(RELATIVE)) {
      if (DECLARATIONS.test(asked)) continue;
      const target = posix.join(posix.dirname(path), asked).replace(/\/$/, '');
      const resolves = (paths: ReadonlySet<string>) => ENDINGS.some((ending) => paths.has(target + ending));
      if (resolves(all) && !resolves(kept.paths)) missing.push(`${path} → ${asked}`);
    }
  }
  return missing;
}
