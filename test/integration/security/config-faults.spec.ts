import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '#lib/config';
import { canary, CANARIES, IN_ADDRESS, SECRET_OPTIONS, without, type Variables } from '../../e2e/support/leak-hunt.js';
import { Evidence } from '../../e2e/support/canaries.js';
import { tempDir, type TempDir } from '../../support/temp-dir.js';

const SOUND = {
  WAL_DATABASE_NAME: 'shop',
  WAL_DATABASE_USER: 'wal',
  WAL_PUBLISHER_TYPE: 'nats',
  WAL_PUBLISHER_TOPIC: 'shop',
};
const secret = (path: string) => canary(path).value;
const EVERY = Object.fromEntries(SECRET_OPTIONS.map(({ envName, path }) => [envName, secret(path)]));
const TEXT = JSON.stringify(secret('database.password'));

/** Variables of a configuration that cannot be, and for the last ones a file. */
const FAULTS: Readonly<Record<string, readonly [Variables, yaml?: string]>> = {
  'misspelt variables': [Object.fromEntries(Object.entries(EVERY).map(([name, text]) => [`${name}X`, text]))],
  'two variables for one secret': [{ ...EVERY, WAL_LISTENER_DB_PASSWORD: `${secret('database.password')}2` }],
  'a variable and its file': [
    { ...EVERY, WAL_DATABASE_PASSWORD_FILE: '/nowhere', WAL_PUBLISHER_TOKEN_FILE: '/nowhere' },
  ],
  'credentials of two kinds': [
    {
      ...SOUND,
      WAL_PUBLISHER_TOKEN: secret('publisher.token'),
      WAL_PUBLISHER_USERNAME: 'u',
      WAL_PUBLISHER_PASSWORD: 'p',
    },
  ],
  'an address without host': [{ ...SOUND, WAL_PUBLISHER_ADDRESS: `nats://me:${IN_ADDRESS.core}@` }],
  'a slash in the password of an address': [
    { ...SOUND, WAL_PUBLISHER_ADDRESS: `nats://me:a/${IN_ADDRESS.core}@host:1` },
  ],
  'a slash after digits in it': [{ ...SOUND, WAL_PUBLISHER_ADDRESS: `nats://me:1/${IN_ADDRESS.core}#?@host:1` }],
  'a comma in it': [{ ...SOUND, WAL_PUBLISHER_ADDRESS: `me:${IN_ADDRESS.core},${IN_ADDRESS.core}@host:1` }],
  'an address of another scheme': [{ ...SOUND, WAL_PUBLISHER_ADDRESS: `http://me:${IN_ADDRESS.value}@host` }],
  'a slash in the password of a URL': [
    { ...SOUND, WAL_DATABASE_URL: `postgres://u:1/${secret('database.url')}@host/x` },
  ],
  'a URL that is none': [{ ...SOUND, WAL_DATABASE_URL: secret('database.url') }],
  'a URL with unknown parameters': [{ ...SOUND, WAL_DATABASE_URL: `postgres://u@h/d?pass=${secret('database.url')}` }],
  'a URL with a wrong percent': [{ ...SOUND, WAL_DATABASE_URL: `postgres://u:%zz${canary('database.url').core}@h/d` }],
  'no YAML': [{}, `database:\n  password: ${TEXT} ${secret('database.url')}\n bad: [`],
  'lists and maps for texts': [
    {},
    `database: {password: [${TEXT}], url: {a: ${TEXT}}}\npublisher: {token: {b: ${TEXT}}}`,
  ],
  'keys twice': [{}, `database:\n  password: ${TEXT}\n  pass_word: ${TEXT}\n  pass-word: ${TEXT}`],
  'misspelt keys': [{}, `database: {pasword: ${TEXT}}\nmonitoring: ${TEXT}\npublisher: {tokens: ${TEXT}}`],
  'an address in a map': [{}, `publisher: {type: nats, address: {x: "nats://me:${IN_ADDRESS.core}@h"}}`],
  // What would be SQL, or another message of PostgreSQL's protocol.
  'a slot with a quote': [{ ...SOUND, WAL_LISTENER_SLOT_NAME: "x'; DROP TABLE victim; --" }],
  'NUL in a user': [without(SOUND, 'WAL_DATABASE_USER'), 'database: {user: "a\\0replication\\0true"}'],
  'NUL in a publication': [SOUND, 'listener: {publication: ["a\\0b"]}'],
  'NUL in a text': [SOUND, `database: {password: "a\\0${canary('database.password').core}"}`],
  'NUL in a list': [SOUND, `publisher: {address: ["me:${IN_ADDRESS.core}\\0@h"]}`],
};

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir();
});
afterAll(() => dir[Symbol.asyncDispose]());

/** What is told of a configuration that cannot be. */
function faultsOf(env: Variables, yaml?: string): string {
  const cwd = join(dir.path, String(Math.random()));
  mkdirSync(cwd);
  if (yaml !== undefined) writeFileSync(join(cwd, 'config.yml'), yaml);
  try {
    loadConfig({ configPath: undefined, env, cwd });
  } catch (error) {
    if (error instanceof ConfigError) return `${error.message}\n${JSON.stringify(error)}\n${String(error.stack)}`;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('a configuration with faults is told without its secrets', () => {
  it.each(Object.entries(FAULTS))('%s', (name, [env, yaml]) => {
    const evidence = new Evidence();
    evidence.add(name, faultsOf(env, yaml));
    expect(evidence.leaksOf(CANARIES)).toEqual([]);
  });

  it('a canary is known in every form, and there are some for every secret of the schema', () => {
    const encoded = Buffer.from(`\0wal\0${IN_ADDRESS.value}`).toString('base64');
    const texts = [encodeURIComponent(IN_ADDRESS.value), JSON.stringify(IN_ADDRESS.value), encoded];
    for (const text of [...texts, `x${IN_ADDRESS.core.toLowerCase()}y`]) expect(IN_ADDRESS.foundIn(text)).toBeDefined();
    const paths = [
      'database.url',
      'database.password',
      'publisher.password',
      'publisher.token',
      'monitoring.sentryDSN',
    ];
    expect(SECRET_OPTIONS.map(({ path }) => path)).toEqual(expect.arrayContaining(paths));
  });
});
