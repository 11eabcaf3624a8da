import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../support/service.js';

/** A page below docs/. */
export function pageOf(name: string): string {
  return readFileSync(join(repositoryRoot(), 'docs', name), 'utf8');
}

/** The fenced blocks with exactly this info string, indented ones too, without their fences and indentation. */
export function blocksOf(markdown: string, info: string): readonly string[] {
  const fence = /^( *)```([^\n]*)\n([\s\S]*?)^ *```$/gm;
  return [...markdown.matchAll(fence)]
    .filter(([, , found]) => found === info)
    .map(([, indent = '', , body = '']) => body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** Everything but the fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
}

/** One space between words, for comparing sentences however lines are wrapped. */
export function wordsOf(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The text of every heading of this level. */
export function headingsOf(markdown: string, level: number): readonly string[] {
  const pattern = new RegExp(`^#{${level}} (.+)$`, 'gm');
  return [...proseOf(markdown).matchAll(pattern)].map(([, text = '']) => text.trim());
}

/** Every option, by key and by variable, from the generated reference, which a test of its own keeps complete. */
export function optionNames(): { readonly keys: ReadonlySet<string>; readonly variables: Set<string> } {
  const reference = pageOf('configuration.md');
  const rows = [...reference.matchAll(/^\| `([a-z][\w.]*)`((?:<br>`WAL_\w+`)+)/gim)];
  const keys = rows.map(([, key = '']) => key);
  const variables = rows.flatMap(([, , names = '']) => [...names.matchAll(/WAL_\w+/g)].map(([name]) => name));
  // Sections are named too, and every variable has a twin for a file.
  const sections = keys.flatMap((key) => key.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.')));
  return {
    keys: new Set(sections),
    variables: new Set([...variables, ...variables.map((name) => `${name}_FILE`), 'WAL_CONFIG']),
  };
}

const KEY = /^(?:listener|database|publisher|logger|monitoring)\.[A-Za-z.]+$|^(?:shutdownTimeout|heapSnapshotDir)$/;

/** What stands between backticks and looks like a key (with or without a value behind) or a variable; each once. */
export function namedKeys(markdown: string): {
  readonly keys: readonly string[];
  readonly variables: readonly string[];
} {
  const spans = [...proseOf(markdown).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  const keys = spans.map((span) => span.split(':')[0] ?? '').filter((key) => KEY.test(key));
  const names = [...markdown.matchAll(/\bWAL_[A-Z][A-Z_]*[A-Z]\b/g)].map(([name]) => name);
  return { keys: [...new Set(keys)], variables: [...new Set(names)] };
}
