import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.js';
import { headingsOf, pageOf, wordsOf } from './support/page.js';

const page = pageOf('guarantees.md');

/** Each `file › words of the title` of the page; a row names several with one file before them. */
function proofs(): readonly { readonly file: string; readonly title: string }[] {
  return [...page.matchAll(/`([\w./-]+\.spec\.ts) › ([^`]+)`/g)].map(([, file = '', title = '']) => ({ file, title }));
}

/** A suite's text with what its titles are made of: cases shared by the brokers stand in files of their own. */
function textOf(file: string): string {
  const path = join(repositoryRoot(), file);
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  const shared = [...text.matchAll(/from '(\.\.?\/[^']*(?:cases|contract)[^']*)\.js'/g)].map(([, from = '']) =>
    readFileSync(join(path, '..', `${from}.ts`), 'utf8'),
  );
  // #lib/publishing/testing's contract suite is reached through its index.
  return wordsOf(
    [text, ...shared]
      .join('\n')
      .replaceAll(/\$\{[^}]*\}/g, '…')
      .replaceAll(/%[a-z]/g, '…'),
  );
}

describe('docs/guarantees.md', () => {
  it('has a proof under every promise', () => {
    const promises = headingsOf(page, 2);
    expect(promises.length).toBeGreaterThanOrEqual(8);
    const without = promises.filter((promise) => {
      const body = page.split(`## ${promise}\n`)[1]?.split('\n## ')[0] ?? '';
      return promise !== 'How to read this page' && !/`[\w./-]+\.spec\.ts › /.test(body);
    });
    expect(without).toEqual([]);
  });

  it('names suites that exist, and titles that stand in them', () => {
    expect(proofs().length).toBeGreaterThan(30);
    const wrong = proofs().filter(({ file, title }) => !textOf(file).includes(wordsOf(title)));
    expect(wrong).toEqual([]);
  });
});
