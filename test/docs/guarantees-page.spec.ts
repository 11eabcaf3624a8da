import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.js';
import { headingsOf, pageOf, wordsOf } from './support/page.js';

const page = pageOf('guarantees.md');

/** Each `file › words of the title` of the page; a row names several with one file before them. */
function proofs(): readonly { readonly file: string; readonly title: string }[] {
  return [...page.matchAll(/`([\w./-]+\.spec\.ts) › ([^`]+)`/g)].map(([, file = '', title = '']) => ({ file, title }));
}

/** A suite's text with that of the files beside it that it imports: cases shared by the brokers stand there. */
function textOf(file: string): string {
  const path = join(repositoryRoot(), file);
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  const imported = [...text.matchAll(/from '(\.\.?\/[^']+)\.js'/g)].map(([, from = '']) =>
    readFileSync(join(dirname(path), `${from}.ts`), 'utf8'),
  );
  return wordsOf([text, ...imported].join('\n'));
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
