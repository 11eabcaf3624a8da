import { AppError } from '#lib/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-fault.js';
import { redactConfig } from './redact-config.js';
import { OPTIONS } from './schema/option-index.js';
import { errorOf, LEAST, loadEnv, loadIn } from './testing/load.js';

describe('faults', () => {
  it('are listed all at once, each with path, source, what was found and what is accepted', () => {
    const error = errorOf({
      env: {
        WAL_LISTENER_SLOT_NAM: 'x',
        WAL_LISTENER_SLOT_NAME: 'My-Slot',
        WAL_LISTENER_ACK_TIMEOUT: '30',
        WAL_PUBLISHER_TYPE: 'natz',
        WAL_DATABASE_PASSWORD_FILE: '/run/nope',
      },
      files: {
        '/app/.env': 'WAL_DATABASE_PORT=99999',
        '/app/config.yml': 'publisher:\n  topik: shop\n  maxInFlightBytes: 12XB\nlogger:\n  level: loud\n',
      },
    });
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', retriable: false, facts: { faults: 12 } });
    expect(error.message.split('\n')).toEqual([
      'The configuration has 12 faults:',
      '  - WAL_LISTENER_SLOT_NAM: unknown; did you mean WAL_LISTENER_SLOT_NAME?',
      '  - database.password (WAL_DATABASE_PASSWORD_FILE): cannot be read; "/run/nope": no such file',
      '  - publisher.topik (config.yml:2): unknown; did you mean publisher.topic?',
      '  - listener.ackTimeout (WAL_LISTENER_ACK_TIMEOUT): found "30"; accepted: a duration such as `500ms`, `30s` or `1m30s`; a bare number has no unit',
      '  - publisher.type (WAL_PUBLISHER_TYPE): found "natz"; accepted: one of nats, kafka, rabbitmq, google_pubsub, stdout',
      '  - publisher.maxInFlightBytes (config.yml:3): found "12XB"; accepted: a size such as `512KB`, `32MB` or a number of bytes',
      '  - logger.level (config.yml:5): found "loud"; accepted: one of debug, info, warn, error',
      '  - listener.slotName (WAL_LISTENER_SLOT_NAME): found "My-Slot"; accepted: lower-case letters, digits and _, at most 63 characters',
      '  - database.port (WAL_DATABASE_PORT (.env)): found "99999"; accepted: a port from 1 to 65535',
      '  - database.name: missing; set database.name in the file or WAL_DATABASE_NAME in the environment',
      '  - database.user: missing; set database.user in the file or WAL_DATABASE_USER in the environment',
      '  - publisher.topic: missing; set publisher.topic in the file or WAL_PUBLISHER_TOPIC in the environment',
    ]);
  });

  it('tell a newcomer without any setting what is needed', () => {
    expect(errorOf({}).faults.map((fault) => fault.path)).toEqual([
      'database.name',
      'database.user',
      'publisher.type',
      'publisher.topic',
    ]);
  });
});

const CANARY = 'hunter2canary';

describe('secrets', () => {
  const secrets = OPTIONS.filter((option) => option.meta.secret === true);

  it('are these', () => {
    expect(secrets.map((option) => option.path).toSorted()).toEqual([
      'database.password',
      'database.url',
      'monitoring.sentryDSN',
      'publisher.password',
      'publisher.token',
    ]);
  });

  it.each(secrets.map((option) => [option.path, option.envName]))('%s is never shown in a fault', (_, name) => {
    const wrong = [CANARY, `[${CANARY}`, `["${CANARY}"]`, `postgres://u:${CANARY}@h:1,i:2/d`, `http://${CANARY}`];
    for (const text of wrong) {
      for (const twin of [name, `${name}_FILE`]) {
        const env = { WAL_LISTENER_SLOT_NAME: 'Not-Good', [twin]: twin === name ? text : '/secret' };
        const error = errorOf({ env, files: { '/secret': text } });
        expect(error.message).not.toContain(CANARY);
        expect(JSON.stringify(error.faults)).not.toContain(CANARY);
      }
    }
  });

  it('of a file are not shown, whatever is wrong with it', () => {
    const texts = [
      `database: {password: *${CANARY}}`,
      `database: {password: !${CANARY} x}`,
      `database: {password: [${CANARY}]}`,
      `database: {pasword: ${CANARY}}`,
      `database:\n  password: "${CANARY}\\q"`,
      `database:\n  password: ${CANARY}: x`,
      `database: ${CANARY}`,
      `database:\n  password: '${CANARY}`,
      `database:\n\tpassword: ${CANARY}`,
      CANARY,
    ];
    for (const text of texts) {
      expect(errorOf({ files: { '/app/config.yml': text } }).message, text).not.toContain(CANARY);
    }
  });

  it('in addresses are masked', () => {
    const error = errorOf({ env: { ...LEAST, WAL_PUBLISHER_ADDRESS: `http://u:${CANARY}@h, v:${CANARY}@i` } });
    expect(error.message).toContain('***@i');
    expect(error.message).not.toContain(CANARY);
  });

  it('are masked in the printable configuration, and nothing else is', () => {
    const { config } = loadEnv({
      WAL_DATABASE_URL: `postgres://u:${CANARY}@h/d`,
      WAL_PUBLISHER_TYPE: 'rabbitmq',
      WAL_PUBLISHER_ADDRESS: `amqp://bob:${CANARY}@mq:5672/v,carol:${CANARY}@mq2`,
      WAL_PUBLISHER_USERNAME: 'bob',
      WAL_PUBLISHER_PASSWORD: CANARY,
      WAL_PUBLISHER_TOKEN: CANARY,
      WAL_MONITORING_SENTRY_DSN: `https://${CANARY}@sentry.io/1`,
      WAL_TAGS: '{"__proto__":"x"}',
    });
    const printed = JSON.stringify(redactConfig(config));
    expect(printed).not.toContain(CANARY);
    expect(redactConfig(config)).toMatchObject({
      database: { password: '***', user: 'replicator', name: 'shop' },
      publisher: {
        password: '***',
        token: '***',
        username: 'bob',
        addresses: ['amqp://***@mq:5672/v', 'amqp://***@mq2'],
      },
      monitoring: { sentryDSN: '***' },
    });
    expect(printed).toContain('"tags":{"__proto__":"x"}');
    expect(config.database.password).toBe(CANARY);
    expect(redactConfig(loadEnv({}).config)).toMatchObject({
      database: { password: '' },
      publisher: { password: undefined },
    });
  });
});

/** Enough to find a way out of the reader; the long search is a matter of the fuzzing suite. */
const RUNS = 400;

describe('any input', { timeout: 60_000 }, () => {
  const expectOnlyConfigError = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.faults.length).toBeGreaterThan(0);
    }
  };
  const hostile = fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '<<',
    '*a',
    '&a',
    '!b',
    '{',
    '[',
    '"',
  );
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), hostile, fc.json({ maxDepth: 2 }));
  const envName = fc.oneof(
    fc.constantFrom(...OPTIONS.flatMap((option) => [option.envName, `${option.envName}_FILE`])),
    fc.string({ maxLength: 12 }).map((tail) => `WAL_${tail}`),
  );

  it('gives a configuration or a ConfigError: variables', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(envName, text), { maxLength: 6 }), (pairs) => {
        expectOnlyConfigError(() => loadEnv(Object.fromEntries(pairs)));
      }),
      { numRuns: RUNS },
    );
  });

  it('gives a configuration or a ConfigError: files of any bytes', () => {
    const line = fc.tuple(fc.constantFrom('', '  ', '\t', '- ', '? '), text, fc.constantFrom(': ', ':', ''), text);
    const file = fc
      .array(
        line.map((parts) => parts.join('')),
        { maxLength: 8 },
      )
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(file, (content) => {
        expectOnlyConfigError(() => loadIn({ env: LEAST, files: { '/app/config.yml': content } }));
      }),
      { numRuns: RUNS },
    );
  });

  it('gives a configuration or a ConfigError: trees of any shape under known keys', () => {
    const key = fc.oneof(
      fc.constantFrom(...OPTIONS.flatMap((option) => option.segments)),
      hostile,
      fc.string({ maxLength: 6 }),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.double()),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('listener', 'database', 'publisher', 'logger', 'tags'), tree),
        (root) => {
          expectOnlyConfigError(() => loadIn({ env: LEAST, files: { '/app/config.yml': JSON.stringify(root) } }));
        },
      ),
      { numRuns: RUNS },
    );
  });
});
