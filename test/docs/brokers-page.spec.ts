import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '#lib/config';
import { repositoryRoot } from '../support/service.js';

const page = (name: string) => readFileSync(join(repositoryRoot(), 'docs', name), 'utf8');
const brokers = page('brokers.md');
const DATABASE = { WAL_DATABASE_NAME: 'shop', WAL_DATABASE_USER: 'wal', WAL_DATABASE_PASSWORD: 'secret' };

/** The variables of each example. */
const examples = [...brokers.matchAll(/```sh\n(WAL_[^`]*)```/g)].map(([, block = '']) =>
  Object.fromEntries(
    block
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  ),
);

describe('docs/brokers.md', () => {
  it('has an example for every broker', () => {
    const types = examples.map((example) => example['WAL_PUBLISHER_TYPE']);
    expect(types).toEqual(['nats', 'kafka', 'rabbitmq', 'google_pubsub', 'stdout']);
  });

  it.each(examples)('the example for $WAL_PUBLISHER_TYPE is a valid configuration', (example) => {
    const readFile = (path: string) => {
      if (path.startsWith('/run/secrets/')) return 'secret\n';
      throw Object.assign(new Error(path), { code: 'ENOENT' });
    };
    const { config, warnings } = loadConfig({ env: { ...DATABASE, ...example }, cwd: '/nowhere', readFile });
    expect(config.publisher.type).toBe(example['WAL_PUBLISHER_TYPE']);
    expect(warnings).toEqual([]);
  });

  it('explains every key of the publisher', () => {
    const keys = [...page('configuration.md').matchAll(/^\| `(publisher\.[\w.]+)`/gm)].map(([, key = '']) => key);
    expect(keys.length).toBeGreaterThan(30);
    const missing = keys.filter((key) => !new RegExp(`[\`.]${key.split('.').at(-1) ?? key}\\b`).test(brokers));
    expect(missing).toEqual([]);
  });
});
