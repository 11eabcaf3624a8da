import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWithTools } from './deploy-tools.js';
import { repositoryRoot } from './service.js';
import { tempDir } from './temp-dir.js';

const TOOLS = ['actionlint', 'hadolint', 'yamllint'] as const;

await describeWithTools('deploy tools', TOOLS, (programs) => {
  it.each(TOOLS)('%s can be started', (tool) => {
    const run = spawnSync(programs[tool], ['--version'], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: expect.stringMatching(/\d+\.\d+\.\d+/) as string });
  });

  it('says on a machine without Python and Prometheus what is missing, and fetches nothing', async () => {
    await using folder = await tempDir();
    for (const name of ['bash', 'cksum', 'cut', 'dirname', 'mkdir']) {
      symlinkSync(`/usr/bin/${name}`, join(folder.path, name));
    }
    const script = join(repositoryRoot(), 'test/deploy/fetch-tools.sh');
    const env = { PATH: folder.path, XDG_CACHE_HOME: folder.path };
    const run = spawnSync(script, ['yamllint', 'promtool'], { env, encoding: 'utf8' });
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr).toMatch(
      /^yamllint is a Python package.*\(Debian: python3-venv\)\npromtool.*\(Debian: prometheus\)\n$/,
    );
  });
});
