import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../load-config.js';
import { OPTIONS } from '../schema/option-index.js';
import { GENERATED_FILES } from './generated-files.js';
import { renderConfigurationPage } from './render-configuration-page.js';
import { renderEnvExample } from './render-env-example.js';

const ROOT = new URL('../../../../', import.meta.url);

function noFile(path: string): never {
  throw Object.assign(new Error(path), { code: 'ENOENT' });
}

describe('generated documentation', () => {
  it.each(GENERATED_FILES)('$path is what the schema says (npm run docs:config)', ({ path, render }) => {
    expect(readFileSync(new URL(path, ROOT), 'utf8')).toBe(render());
  });

  it('names every option with its variables', () => {
    const page = renderConfigurationPage();
    const example = renderEnvExample();
    for (const option of OPTIONS) {
      expect(page).toContain(`| \`${option.path}\`<br>\`${option.envName}\``);
      expect(example).toContain(`\n#${option.envName}=`);
      for (const alias of option.meta.envAliases ?? []) expect(page).toContain(`\`${alias}\``);
    }
  });

  it('gives examples in .env.example that are accepted, each alone', () => {
    const variables = parseEnv(renderEnvExample().replaceAll('\n#WAL_', '\nWAL_'));
    const least = {
      WAL_DATABASE_NAME: 'shop',
      WAL_DATABASE_USER: 'replicator',
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_TOPIC: 'shop',
    };
    const names = Object.keys(variables).filter((name) => name !== 'WAL_CONFIG');
    expect(names).toHaveLength(OPTIONS.length);
    const partners: Record<string, string> = {
      WAL_DATABASE_CLIENT_CERT: 'WAL_DATABASE_CLIENT_KEY',
      WAL_DATABASE_CLIENT_KEY: 'WAL_DATABASE_CLIENT_CERT',
      WAL_PUBLISHER_CLIENT_CERT: 'WAL_PUBLISHER_CLIENT_KEY',
      WAL_PUBLISHER_CLIENT_KEY: 'WAL_PUBLISHER_CLIENT_CERT',
    };
    for (const name of names) {
      const partner = partners[name];
      const env = {
        ...least,
        [name]: variables[name],
        ...(partner === undefined ? {} : { [partner]: variables[partner] }),
      };
      expect(() => loadConfig({ env, cwd: '/', readFile: noFile }), name).not.toThrow();
    }
  });

  it('shows examples in the guide that load', () => {
    const page = renderConfigurationPage();
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    expect(blocks).toHaveLength(2);
    for (const text of blocks) {
      const env = text.includes('saslMechanism') ? { WAL_PUBLISHER_PASSWORD: 'x' } : {};
      const readFile = (path: string): string => (path.endsWith('config.yml') ? text : noFile(path));
      expect(() => loadConfig({ env, cwd: '/', readFile })).not.toThrow();
    }
  });
});
