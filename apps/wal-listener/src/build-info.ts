import { readFileSync } from 'node:fs';
import { version } from './version.js';

export interface BuildInfo {
  /** As in package.json. */
  readonly version: string;
  /** The commit it was built from, whole; `unknown` when the build could not tell. */
  readonly commit: string;
}

/** What runs here: the version, and the commit that the build wrote to dist/build-info.json. */
export function buildInfo(): BuildInfo {
  return { version: version(), commit: builtCommit() };
}

/** For people: `0.1.0 (commit abcdef123456)`, without the commit when it is not known. */
export function versionText({ version: number, commit }: BuildInfo): string {
  return commit === 'unknown' ? number : `${number} (commit ${commit.slice(0, 12)})`;
}

function builtCommit(): string {
  try {
    // Three folders above the built file; nothing lies there above the source.
    const text = readFileSync(new URL('../../../build-info.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { commit?: string }).commit ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
