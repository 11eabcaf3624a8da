import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.js';
import { headingsOf, proseOf } from './support/page.js';

const root = repositoryRoot();
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Where a link leads that is neither absolute nor in code. */
function linksOf(path: string): readonly string[] {
  const prose = proseOf(read(path)).replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ' '));
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const markdown = read(path);
  const texts = [1, 2, 3, 4, 5].flatMap((level) => headingsOf(markdown, level));
  const explicit = [...markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id);
  const anchors = texts.map((text) =>
    text
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
  return new Set([...anchors, ...explicit]);
}

/** Why a link leads nowhere; undefined when it leads somewhere. */
function fault(path: string, link: string): string | undefined {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path : relative(root, join(root, dirname(path), decodeURIComponent(file)));
  if (!existsSync(join(root, target))) return `${path}: ${link}: there is no ${target}`;
  if (anchor === undefined || anchorsOf(target).has(anchor)) return undefined;
  return `${path}: ${link}: ${target} has no such heading`;
}

describe('links between the pages', () => {
  it('are found', () => {
    expect(linksOf('README.md').length).toBeGreaterThan(5);
    expect(anchorsOf('docs/brokers.md')).toContain('apache-kafka');
  });

  it.each(pages)('of %s lead to files and headings that exist', (path) => {
    const faults = linksOf(path).map((link) => fault(path, link));
    expect(faults.filter((text) => text !== undefined)).toEqual([]);
  });
});
