import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the decoder’s own tests take every branch of the decoder', async () => {
  // A run of its own: this one's workers must not be counted.
  const { VITEST: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'coverage:decoder'], {
    env,
    timeout: 300_000,
  });
  expect(stdout).toContain('decode-row.ts');
});
