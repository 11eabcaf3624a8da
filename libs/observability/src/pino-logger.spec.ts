import { describe, expect, it } from 'vitest';
import { AppError, type Logger } from '#lib/kernel';
import { NestLogger } from './nest-logger.js';
import { loggerTo, type LogOptions } from './pino-logger.js';
import { createRedactor } from './redactor.js';
import { escapeControls, textLine } from './text-line.js';

const SECRET = 'canary-of-a-password';

/** What a logger of this level writes, parsed and as it is. */
function written(level: LogOptions['level'], use: (logger: Logger) => void) {
  const raw: string[] = [];
  use(loggerTo({ write: (line) => void raw.push(line) }, level, createRedactor([SECRET])));
  const lines = raw.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { raw, lines };
}

const everyLevel = (logger: Logger) => {
  logger.debug('d');
  logger.info('i');
  logger.warn('w');
  logger.error('e');
};

describe('levels', () => {
  it.each([
    ['debug', 'diwe'],
    ['info', 'iwe'],
    ['warn', 'we'],
    ['error', 'e'],
  ] as const)('%s', (level, expected) => {
    const { lines } = written(level, everyLevel);
    expect(lines.map(({ msg }) => msg).join('')).toBe(expected);
    expect(lines.at(-1)).toMatchObject({ level: 'error', time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown });
  });
});

describe('fields', () => {
  const one = (fields: Record<string, unknown>, level: LogOptions['level'] = 'info') =>
    written(level, (logger) => logger.error('m', fields)).lines[0];

  it('shows errors with message and the name of their cause, and where they were thrown at debug only', () => {
    const error = new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'ECONNREFUSED', row: 'x' }) });
    const shown = { name: 'Error', message: 'outer' };
    const cause = { name: 'Error', code: 'ECONNREFUSED' };
    expect(one({ error })?.['error']).toEqual({ ...shown, cause });
    expect(one({ error }, 'debug')?.['error']).toMatchObject({
      ...shown,
      stack: expect.stringContaining('at ') as unknown,
    });
    expect(one({ error: new AppError('POISON', 'p') })?.['error']).toEqual({
      name: 'AppError',
      code: 'POISON',
      message: 'p',
    });
  });

  it('shows what JSON has no form for', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(
      one({
        lsn: 2n ** 64n,
        map: new Map([['a', 1n]]),
        set: new Set(['b']),
        row: Buffer.from('row'),
        nan: NaN,
        no: undefined,
      }),
    ).toMatchObject({ lsn: '18446744073709551616', map: { a: '1' }, set: ['b'], row: '[3 bytes]', nan: 'NaN' });
    expect(JSON.stringify(one({ loop }))).toContain('[…]');
  });

  it('cannot replace what a line has itself', () => {
    expect(one({ level: 'debug', msg: 'forged', time: 'never' })).toMatchObject({
      level: 'error',
      msg: 'm',
      msg_: 'forged',
    });
  });

  it('masks secrets by value and by name, at any depth, in messages, errors and keys', () => {
    const { raw, lines } = written('debug', (logger) => {
      logger.info(`refused ${SECRET} at nats://me:${SECRET}@host`, {
        deep: { list: [{ note: `x${SECRET}x` }], [SECRET]: 1 },
        error: new Error(`bad ${SECRET}`, { cause: SECRET }),
        url: 'postgres://me:other@host/db',
      });
      logger.info('m', { PASSWORD: 'p1', nested: { api_key: 'p2', sasl: { authorization: 'p3' } }, sentryDSN: 'p4' });
      logger.info('m', { tokens: 3, token: '', slot: 'wal_listener' });
    });
    expect(raw.join('')).not.toMatch(/canary|p[1-4]|other/);
    expect(lines[0]).toMatchObject({ msg: 'refused *** at nats://***@host', url: 'postgres://***@host/db' });
    expect(lines[2]).toMatchObject({ tokens: 3, token: '', slot: 'wal_listener' });
  });
});

describe('text', () => {
  const textOf = (use: (logger: Logger) => void) => written('debug', use).raw.map(textLine);

  it('is one line: time, level, message, key=value', () => {
    const [line] = textOf((logger) =>
      logger.warn('the attempt failed', { code: 'X', error: 'a b', n: 1, list: ['c d'] }),
    );
    expect(line).toMatch(/^\d{4}-\S+Z WARN {2}the attempt failed code=X error="a b" n=1 list="\[\\"c d\\"\]"$/);
  });

  it('cannot be broken into further lines, nor move a cursor or turn text around', () => {
    const nasty = 'a\nERROR forged\r\u001b[2K\u009b1A\u2028\u202eb\u0000';
    const lines = textOf((logger) => logger.info(nasty, { field: nasty, [nasty]: 1 }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[ -~]*$/);
    expect(lines[0]).toContain('a\\nERROR forged\\u000d\\u001b[2K');
  });

  it('is the same text when controls in JSON are escaped', () => {
    const text = 'a\u009b\u2028\u202e\u007f';
    const line = escapeControls(JSON.stringify({ text }));
    expect(line).toMatch(/^[ -~]*$/);
    expect(JSON.parse(line)).toEqual({ text });
  });
});

describe('NestLogger', () => {
  it("keeps Nest's own lines at debug, and its warnings and errors", () => {
    const say = (logger: Logger) => {
      const nest = new NestLogger(logger);
      nest.log('started', 'NestFactory');
      nest.verbose('v');
      nest.warn('careful', 'Router');
      nest.error(new Error('broken'), 'stack', 'Handler');
    };
    expect(written('info', say).lines).toMatchObject([
      { level: 'warn', msg: 'careful', nest: 'Router' },
      { level: 'error', msg: 'Error: broken', nest: 'stack Handler' },
    ]);
    expect(written('debug', say).lines).toHaveLength(4);
  });
});
