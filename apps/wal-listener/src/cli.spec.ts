import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './cli.js';

describe('parseCommandLine', () => {
  it.each([
    [[], { command: 'run', configPath: undefined, json: false }],
    [['-c', 'a.yml'], { command: 'run', configPath: 'a.yml', json: false }],
    [['run', '--config=a.yml'], { command: 'run', configPath: 'a.yml', json: false }],
    [['check', '--json'], { command: 'check', configPath: undefined, json: true }],
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
    [['-c']],
  ])('refuses %j with a usage error', (args) => {
    expect(() => parseCommandLine(args)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
