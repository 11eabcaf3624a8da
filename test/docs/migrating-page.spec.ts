import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, type LoadedConfig } from '#lib/config';
import { repositoryRoot } from '../support/service.js';
import { blocksOf, namedKeys, optionNames, pageOf, wordsOf } from './support/page.js';

const page = pageOf('migrating-from-go.md');
const fixture = (name: string) => readFileSync(join(repositoryRoot(), 'test/support/fixtures', name), 'utf8');

/** Loads a YAML file as config.yml of an otherwise empty folder. */
function load(yaml: string, env: Readonly<Record<string, string>> = {}): LoadedConfig {
  const readFile = (path: string) => {
    if (path === '/app/config.yml') return yaml;
    throw Object.assign(new Error(path), { code: 'ENOENT' });
  };
  return loadConfig({ env, cwd: '/app', readFile });
}

/** `NAME=value` lines as variables. */
const variablesOf = (block: string) =>
  Object.fromEntries(
    block
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );

const [upstream = '', fork = '', ...otherFiles] = blocksOf(page, 'yaml');
const [forkVariables = '', createNever = '', ...otherVariables] = blocksOf(page, 'sh');
const words = wordsOf(page);

describe('docs/migrating-from-go.md', () => {
  it('has no example that nothing tries', () => {
    expect([otherFiles, otherVariables]).toEqual([[], []]);
  });

  it('shows an upstream file that loads as it is, with all of its warnings', () => {
    const { config, warnings } = load(upstream);
    expect(config.listener.slotName).toBe('orders_slot');
    expect(config.listener.topicsMap.get('public_orders')).toBe('sales');
    expect(warnings).toHaveLength(1);
    expect(notShown(warnings)).toEqual([]);
  });

  it('shows a file of the fork that loads as it is, with all of its warnings', () => {
    const { config, warnings } = load(fork, variablesOf(forkVariables));
    expect(config.database.password).toBe('secret');
    expect(config.listener.exclude.columns).toEqual(['password_digest']);
    expect(warnings).toHaveLength(1);
    expect(notShown(warnings)).toEqual([]);
  });

  it('says that a filter in a file of the fork counts, as it does', () => {
    const { config, warnings } = load(fixture('fork.yml'));
    expect(config.listener.filterTables?.size).toBe(1);
    expect(warnings.join('\n')).toContain('only this is published');
    expect(load(fixture('upstream.yml')).config.publisher.type).toBe('rabbitmq');
  });

  it('shows what is refused, with the very messages', () => {
    const [refused = ''] = blocksOf(page, 'yaml refused');
    const faults = messagesOf(() => load(refused));
    // A list that may grow is cut short on the page.
    const shown = blocksOf(page, 'text').at(-1)?.trim().split('\n') ?? [];
    expect(faults.map((fault, at) => fault.startsWith(shown[at]?.replace(/…$/, '') ?? '?'))).toEqual([true, true]);
  });

  it('names the option that keeps a lost slot from looking like a first start', () => {
    expect(load(upstream, variablesOf(createNever)).config.listener.createSlot).toBe('never');
  });

  it('names only keys and variables that exist', () => {
    const { keys, variables } = optionNames();
    const named = namedKeys(page);
    // The run-together form, which is what the sentence is about.
    variables.add('WAL_LISTENER_SLOTNAME');
    expect(named.keys.length).toBeGreaterThan(20);
    expect(named.keys.filter((key) => !keys.has(key))).toEqual([]);
    expect(named.variables.filter((name) => !variables.has(name))).toEqual([]);
  });
});

/** Those of the messages that the page does not quote. */
function notShown(messages: readonly string[]): readonly string[] {
  return messages.filter((message) => !words.includes(wordsOf(message)));
}

/** The lines of a configuration error, one per fault. */
function messagesOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    const lines = (error as Error).message.split('\n').filter((line) => line.trim().startsWith('- '));
    return lines.map((line) => line.trim().slice(2));
  }
  return [];
}
