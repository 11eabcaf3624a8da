import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

// Run by `npm run build` from the repository's root.
const given = process.env['BUILD_COMMIT']?.trim() ?? '';
writeFileSync('dist/build-info.json', `${JSON.stringify({ commit: given === '' ? checkedOut() : given })}\n`);

/** The commit of the working tree, unless this folder only lies somewhere within that of another project. */
function checkedOut(): string {
  try {
    const answer = execFileSync('git', ['rev-parse', '--show-prefix', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [folder, commit] = answer.split('\n');
    return folder === '' && commit !== undefined ? commit : 'unknown';
  } catch {
    return 'unknown';
  }
}
