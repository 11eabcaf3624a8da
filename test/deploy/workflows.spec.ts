import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeWithTools } from '../support/deploy-tools.js';
import { repositoryRoot } from '../support/service.js';
import { parseDockerfile, parsePairs } from './support/dockerfile.js';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly steps: readonly Step[];
}

const folder = join(repositoryRoot(), '.github/workflows');
const files = readdirSync(folder);
const job = (file: string, name: string) =>
  (parse(readFileSync(join(folder, file), 'utf8')) as { jobs: Record<string, Job> }).jobs[name];
const ONLY_ON_TAGS = "startsWith(github.ref, 'refs/tags/')";

await describeWithTools('.github/workflows', ['actionlint'], ({ actionlint }) => {
  it.each(files)('%s is what GitHub accepts', (file) => {
    // Without the checkers of scripts, which some machines have and others not.
    const run = spawnSync(actionlint, ['-no-color', '-shellcheck=', '-pyflakes=', join(folder, file)], {
      cwd: repositoryRoot(),
      encoding: 'utf8',
    });
    expect(run).toMatchObject({ status: 0, stdout: '' });
  });
});

describe('ci.yml', () => {
  it('has Go before it runs the checks, which build tools with it', () => {
    const steps = job('ci.yml', 'check').steps.map(({ uses, run }) => uses?.replace(/@.*/, '') ?? run);
    expect(steps).toContain('actions/setup-go');
    expect(steps.indexOf('actions/setup-go')).toBeLessThan(steps.indexOf('.ci/run'));
  });
});

describe('image.yml', () => {
  const { steps } = job('image.yml', 'image');
  const step = (action: string) => steps.find(({ uses }) => uses?.startsWith(`${action}@`));
  const build = step('docker/build-push-action')?.with ?? {};

  it('builds for both architectures, with provenance', () => {
    expect(build).toMatchObject({ platforms: 'linux/amd64,linux/arm64', provenance: 'mode=max' });
  });

  it('publishes on tags only', () => {
    expect(build['push']).toBe(`\${{ ${ONLY_ON_TAGS} }}`);
    expect(step('docker/login-action')?.if).toBe(ONLY_ON_TAGS);
  });

  it('gives a value to every argument of the Dockerfile', () => {
    const source = readFileSync(join(repositoryRoot(), 'Dockerfile'), 'utf8');
    const known = parseDockerfile(source).flatMap(({ instructions }) =>
      instructions.filter(({ keyword }) => keyword === 'ARG').flatMap(({ text }) => Object.keys(parsePairs(text, {}))),
    );
    const given = String(build['build-args']).trim().split('\n');
    expect(given.map((line) => line.split('=')[0]).toSorted()).toEqual([...new Set(known)].toSorted());
  });
});
