import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '#lib/config';
import { lawlessWorlds, SECRET, secretWorlds, type ConfigWorld } from './config-worlds.js';
import { HEAP_SLACK_BYTES, runFuzz } from './run-fuzz.js';

const CWD = '/app';
const PROTOTYPE_KEYS = Object.getOwnPropertyNames(Object.prototype).length;

/** Loads as the program does, and gives every text that a person would see. */
function load({ env, files, configPath }: ConfigWorld): string {
  const byPath = new Map([...files].map(([path, file]) => [resolve(CWD, path), file]));
  try {
    const loaded = loadConfig({
      env,
      cwd: CWD,
      configPath,
      readFile(path) {
        const file = byPath.get(path) ?? 'ENOENT';
        if (typeof file === 'string') throw Object.assign(new Error(file), { code: file });
        return file.toString('utf8');
      },
    });
    verifyFrozen(loaded.config);
    return [...loaded.warnings, ...loaded.ignored].join('\n');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.faults.length === 0) throw new Error('an error without a fault', { cause: error });
    for (const { path, found, accepted } of error.faults) {
      if (path === '' || accepted === '' || found === '')
        throw new Error('a fault that says nothing', { cause: error });
    }
    return error.message;
  }
}

function verifyFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Object.isFrozen(value)) throw new Error('a configuration that can be changed');
  for (const part of value instanceof Map ? value.values() : Object.values(value)) verifyFrozen(part);
}

describe('the configuration', () => {
  it('loads frozen or lists faults, shows no secret and changes nothing else, whatever it is given', async () => {
    const worlds = fc.oneof({ weight: 3, arbitrary: lawlessWorlds }, { weight: 1, arbitrary: secretWorlds });
    const { grownBytes } = await runFuzz('configuration', worlds, (world) => {
      const shown = load(world);
      if (world.holdsSecret && shown.includes(SECRET)) throw new Error(`a secret is shown: ${shown}`);
      if (Object.getOwnPropertyNames(Object.prototype).length !== PROTOTYPE_KEYS) {
        throw new Error('the prototype of all objects was changed');
      }
    });
    expect(grownBytes).toBeLessThan(HEAP_SLACK_BYTES);
  });
});
