import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { OPTIONS } from '../../../libs/config/src/schema/option-index.js';
import { anyMutation } from './mutations.js';

/** A file: its bytes, or the code that reading it ends with. */
export type FakeFile = Buffer | 'ENOENT' | 'EISDIR' | 'EACCES' | 'EIO';

export interface ConfigWorld {
  readonly env: Readonly<Record<string, string>>;
  readonly files: ReadonlyMap<string, FakeFile>;
  readonly configPath: string | undefined;
  /** Whether a secret stands only where secrets belong, so that no message may show it. */
  readonly holdsSecret: boolean;
}

/** The value of every secret in these worlds. */
export const SECRET = 'Xq7-secret-zW9';

const SECRET_OPTIONS = OPTIONS.filter((option) => option.meta.secret === true);
const OPEN_OPTIONS = OPTIONS.filter((option) => option.meta.secret !== true);

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
const laughs = ['a: &a0 [x, x]', ...Array.from({ length: 30 }, (_, i) => `k${i}: &a${i + 1} [*a${i}, *a${i}]`)].join(
  '\n',
);
const merges = [
  'b0: &b0 {x: 1}',
  ...Array.from({ length: 30 }, (_, i) => `b${i + 1}: &b${i + 1} {<<: [*b${i}, *b${i}], y${i}: 1}`),
];

const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  '\uFEFF',
  '\u2028',
  '0',
  '-1',
  '1e999',
  '9'.repeat(400),
  '1'.repeat(200_000),
  '0x10',
  '1_000',
  'NaN',
  'null',
  '~',
  'true',
  'TRUE',
  '500ms',
  '1m30s',
  '.s',
  '30',
  '32MB',
  '1.5GB',
  'tcp://10.0.0.1:5432',
  'a,b',
  ',',
  '[',
  '{',
  '{}',
  '[]',
  '""',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"users":["insert"]}',
  '{"/(/":["insert"]}',
  '{"/a+/":"b"}',
  '{"1":"a","0":"b"}',
  '{"a":1,"a":2}',
  deep('[', ']', 5000),
  deep('{"a":', '}', 5000),
  'postgres://u:p@h/d',
  'nats',
  'kafka',
  'postgres://u:p@[::1]:99999/d?sslmode=x&y=%zz',
  '/(?P<x>a)\\z/',
  '/[[:alpha:]]/',
  'http://a@b/1',
  ':2112',
  '::::',
  'ü'.repeat(300),
];
const ODD_YAML: readonly string[] = [
  laughs,
  merges.join('\n'),
  '&a [*a]',
  '&a {b: *a}',
  '<<: *nowhere',
  deep('[', ']', 20_000),
  deep('{a: ', '}', 3000),
  '- '.repeat(5000),
  '? [a]\n: b',
  '--- a\n--- b',
  '!!binary x',
  '!!js/function x',
  '%YAML 9.9\n---\na: b',
  '__proto__: {polluted: 1}',
  '\tlistener: 1',
  'constructor: {prototype: {polluted: 1}}',
  'listener: {__proto__: {polluted: 1}}',
  'database: [1, 2',
  'a: b: c',
  '"',
  "'",
  '@',
  '`',
  '\0',
  'listener: 9999999999999999999999999999',
  'tags: {a: {b: c}}',
  'publisher: {type: {type: nats}}',
  `tags: {${'k: v, '.repeat(300)}}`,
];

const anyText = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double().map(String),
);

/** A tree of keys that are known, nearly known, or harmful. */
const anyTree = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    anyText,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(
            fc.constantFrom(...new Set(OPTIONS.flatMap((option) => option.segments))),
            fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'slot_nam'),
            fc.string({ maxLength: 8 }),
          ),
          tie('tree'),
        ),
        { maxLength: 6 },
      )
      .map((entries) => new Map(entries)),
  ),
})).tree;

const SAMPLES = ['fork.yml', 'upstream.yml'].map((name) =>
  readFileSync(new URL(`../../support/fixtures/${name}`, import.meta.url)),
);
const DOTENV = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8').replaceAll('#WAL_', 'WAL_');
const texts = { messages: [...SAMPLES, Buffer.from(DOTENV)], isRelation: [] };

const anyBytes = fc.oneof(
  fc.constantFrom(...ODD_YAML).map((text) => Buffer.from(text)),
  fc.tuple(fc.constantFrom(...texts.messages), anyMutation(texts)).map(([sample, mutate]) => mutate(sample)),
  anyTree.map((tree) => Buffer.from(stringify(tree))),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
);
const anyFile: fc.Arbitrary<FakeFile> = fc.oneof(
  { weight: 6, arbitrary: anyBytes },
  { weight: 1, arbitrary: fc.constantFrom('ENOENT', 'EISDIR', 'EACCES', 'EIO') },
);

const PATHS = ['config.yml', '.env', '/run/a', '/run/b', 'other.yml'] as const;

const anyFiles = fc
  .tuple(...PATHS.map((path) => fc.option(anyFile.map((file) => [path, file] as const))))
  .map((files) => new Map(files.filter((entry) => entry !== null)));

const anyVariable = fc.oneof(
  fc.tuple(
    fc.constantFrom(...OPEN_OPTIONS).map((option) => option.envName),
    anyText,
  ),
  fc.tuple(
    fc.constantFrom(...OPTIONS).map((option) => `${option.envName}_FILE`),
    fc.constantFrom(...PATHS, '', '\0', '/'),
  ),
  fc.tuple(
    fc.constantFrom('WAL_CONFIG', 'WAL_CONFIG_FILE', 'WAL_', 'WAL_DATABASE_PORT_FILE_FILE'),
    fc.constantFrom(...PATHS, ''),
  ),
  fc.tuple(
    fc.string({ maxLength: 12 }).map((name) => `WAL_${name}`),
    anyText,
  ),
);
const anyEnv = fc.array(anyVariable, { maxLength: 8 }).map((variables) => Object.fromEntries(variables));
const anyConfigPath = fc.option(fc.constantFrom(...PATHS), { nil: undefined });

/** Anything anywhere. */
export const lawlessWorlds: fc.Arbitrary<ConfigWorld> = fc.record({
  env: anyEnv,
  files: anyFiles,
  configPath: anyConfigPath,
  holdsSecret: fc.constant(false),
});

const GARBAGE = [
  '',
  '[',
  '{',
  '}',
  '"',
  "'",
  'a: b: c',
  '*x',
  '!!foo y',
  '%',
  '- a',
  '@',
  'key',
  '? [',
  '<<: 1',
  '\t- x',
  'database: 1',
];

/** Secrets where they belong, in every place there is, amid values and lines that are faults. */
export const secretWorlds: fc.Arbitrary<ConfigWorld> = fc
  .record({
    open: fc.array(
      fc.tuple(
        fc.constantFrom(...OPEN_OPTIONS).map((option) => option.envName),
        anyText,
      ),
      { maxLength: 6 },
    ),
    places: fc.array(fc.constantFrom('env', 'file', 'dotenv', 'yaml', 'none'), { minLength: 20, maxLength: 20 }),
    before: fc.constantFrom(...GARBAGE),
    after: fc.constantFrom(...GARBAGE),
    url: fc.constantFrom(
      'postgres://u:SECRET@h/d',
      'postgres://u:SECRET@h:x/d',
      'mysql://u:SECRET@h',
      'postgres://u:SECRET%zz@h/d?a=b',
      '',
    ),
    shape: fc.constantFrom('SECRET', '["SECRET"]', '{"SECRET":"SECRET"}', '["SECRET"', '*SECRET', '!SECRET', '"SECRET'),
  })
  .map(({ open, places, before, after, url, shape }) => {
    const secret = shape.replaceAll('SECRET', SECRET);
    const at = (place: string) => SECRET_OPTIONS.filter((_, index) => places[index % places.length] === place);
    const yaml = at('yaml').map(
      ({ segments }) => `${segments.map((key) => `{${key}: `).join('')}${secret}${'}'.repeat(segments.length)}`,
    );
    const env: Record<string, string> = {
      ...Object.fromEntries(open),
      WAL_DATABASE_URL: url.replace('SECRET', SECRET),
    };
    for (const option of at('env')) env[option.envName] = secret;
    for (const option of at('file')) env[`${option.envName}_FILE`] = '/run/secret';
    const dotenv = at('dotenv').map((option) => `${option.envName}=${secret}\n`);
    const files = new Map<string, FakeFile>([
      ['/run/secret', Buffer.from(`${secret}\n`)],
      ['.env', Buffer.from(dotenv.join(''))],
      ['config.yml', Buffer.from([before, ...yaml.slice(0, 1), after].join('\n'))],
    ]);
    return { env, files, configPath: undefined, holdsSecret: true };
  });
