import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './cli.js';
import { HELP } from './help.js';

describe('parseCommandLine', () => {
  it.each([
    [[], { command: 'run', configPath: undefined, json: false }],
    [['-c', 'a.yml'], { command: 'run', configPath: 'a.yml', json: false }],
    [['run', '--config=a.yml'], { command: 'run', configPath: 'a.yml', json: false }],
    [['check', '--json'], { command: 'check', configPath: undefined, json: true }],
    [['healthcheck', '-c', 'a.yml'], { command: 'healthcheck', configPath: 'a.yml' }],
    [['check', '--help'], { command: 'help' }],
    [['demo', '--once'], { command: 'demo', once: true }],
    [['-v'], { command: 'version' }],
    [['--version'], { command: 'version' }],
    [['-h'], { command: 'help' }],
  ])('%j', (args, expected) => {
    expect(parseCommandLine(args)).toEqual(expected);
  });

  it.each([
    [['rnu']],
    [['run', 'twice']],
    [['--cnofig', 'x']],
    [['--once']],
    [['--json']],
    [['demo', '-c', 'x']],
    [['healthcheck', '--json']],
    [['-c']],
  ])('refuses %j with a usage error', (args) => {
    expect(() => parseCommandLine(args)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('HELP', () => {
  it('names all that the command line takes, and fits a terminal of 80 columns', () => {
    const commands = ['run', 'check', 'healthcheck', 'demo', 'help', 'version'];
    for (const command of commands) {
      expect(HELP).toMatch(new RegExp(`^  ${command} `, 'm'));
      expect(parseCommandLine([command]).command).toBe(command);
    }
    const listed = [...HELP.matchAll(/^  (\w+) {2,}\S/gm)].map(([, name]) => name);
    for (const name of listed.slice(0, listed.indexOf('version') + 1)) expect(commands).toContain(name);
    for (const option of ['--config', '--json', '--once', '--version', '--help']) expect(HELP).toContain(option);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR2']) expect(HELP).toContain(signal);
    expect(Math.max(...HELP.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  it('names documents that exist', () => {
    const documents = HELP.match(/docs\/\w+\.md/g) ?? [];
    expect(documents.length).toBeGreaterThan(3);
    for (const path of documents) expect(existsSync(new URL(`../../../${path}`, import.meta.url)), path).toBe(true);
  });
});
