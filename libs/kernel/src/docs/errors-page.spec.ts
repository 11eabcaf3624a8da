import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, ERROR_GROUPS } from '../error-codes.js';
import { renderErrorsPage } from './render-errors-page.js';

const ROOT = new URL('../../../../', import.meta.url);
const CODES = Object.keys(ERROR_CODES);

describe('docs/errors.md', () => {
  it('is what the code says (npm run docs:errors)', () => {
    expect(readFileSync(new URL('docs/errors.md', ROOT), 'utf8')).toBe(renderErrorsPage());
  });

  it('has a heading per code, in its group, with what happens', () => {
    expect(ERROR_GROUPS.flatMap(([, codes]) => Object.keys(codes))).toEqual(CODES);
    const page = renderErrorsPage();
    for (const code of CODES) expect(page.split(`\n### ${code}\n`)).toHaveLength(2);
    expect(page).toContain('### SLOT_LOST\n\n**Fatal, exit code 1.** ');
    expect(page).toContain('### SLOT_IN_USE\n\n**Retried.** ');
    expect(page).toContain('### CONFIG_INVALID\n\n**Fatal, exit code 2.** ');
  });

  it('has no link that leads nowhere', () => {
    const links = [...renderErrorsPage().matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const pages = readdirSync(new URL('docs', ROOT));
    for (const target of links) {
      if (target.startsWith('#')) expect(CODES).toContain(target.slice(1).toUpperCase());
      else expect(pages).toContain(target);
    }
  });

  it('names options that exist', () => {
    const options = readFileSync(new URL('docs/configuration.md', ROOT), 'utf8');
    const named = renderErrorsPage().matchAll(/`((?:listener|database|publisher)\.[\w.]+)/g);
    for (const [, option = ''] of named) expect(options, option).toContain(`| \`${option}\`<br>`);
  });
});

/** Every program file, without specs and what only they use. */
function sources(): string[] {
  return ['apps', 'libs'].flatMap((folder) => {
    const files = readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' });
    return files
      .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|\btesting\/|kernel\/src\/error-codes\.ts$/.test(file))
      .map((file) => readFileSync(new URL(`${folder}/${file}`, ROOT), 'utf8'));
  });
}

describe('ERROR_CODES', () => {
  const files = sources();

  it('holds every code that is thrown or found', () => {
    expect(files.length).toBeGreaterThan(100);
    const used = files.flatMap((text) =>
      [...text.matchAll(/\bnew AppError\(\s*'(\w+)'|\bcode: '(\w+)'/g)].map(([, thrown, found]) => thrown ?? found),
    );
    expect(used.length).toBeGreaterThan(100);
    expect([...new Set(used)].filter((code) => !CODES.includes(code ?? ''))).toEqual([]);
  });

  it('holds no code that nothing uses', () => {
    expect(CODES.filter((code) => !files.some((text) => text.includes(`'${code}'`)))).toEqual([]);
  });
});
