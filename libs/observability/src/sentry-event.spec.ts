import { defaultStackParser } from '@sentry/node';
import { describe, expect, it } from 'vitest';
import { AppError, toAppError } from '#lib/kernel';
import { createRedactor } from './redactor.js';
import { knownFieldsOnly, sentryEvent } from './sentry-event.js';

const context = { slot: 'shop_slot', publisher: 'nats' };
const tools = {
  redact: createRedactor(['canary-of-a-password']),
  parseStack: (stack: string) => defaultStackParser(stack),
};

describe('sentryEvent', () => {
  it('tells what, where and what to do', () => {
    const error = new AppError('POISON', 'too large for canary-of-a-password', {
      facts: { schema: 'public', table: 'users', lsn: '0/1A', sizeBytes: 9, gone: undefined },
    });
    const event = sentryEvent(error, 'fatal', context, tools);
    expect(event).toMatchObject({
      level: 'fatal',
      exception: { values: [{ type: 'POISON', value: 'too large for ***' }] },
      tags: { code: 'POISON', slot: 'shop_slot', publisher: 'nats', table: 'public.users', lsn: '0/1A' },
      extra: { sizeBytes: 9, remedy: error.remedy },
      fingerprint: ['wal-listener', 'POISON', 'public.users'],
    });
    const frames = event.exception?.values?.[0]?.stacktrace?.frames ?? [];
    expect(frames.at(-1)?.filename).toContain('sentry-event.spec.ts');
  });

  it('tells of a cause its name and code only', () => {
    const cause = Object.assign(new Error('Key (email)=(row canary)\n    at row canary'), {
      code: '23505',
      detail: 'row canary',
    });
    const event = sentryEvent(
      new AppError('PG_QUERY', 'refused', { cause, facts: { sqlstate: '23505', host: 'a' } }),
      'error',
      context,
      tools,
    );
    expect(event.extra).toMatchObject({ cause: 'Error 23505', host: 'a' });
    expect(event.fingerprint).toEqual(['wal-listener', 'PG_QUERY', '23505']);
    expect(JSON.stringify(event)).not.toContain('canary');
  });

  it('shows where a defect is, and nothing that was parsed', () => {
    const thrown = (() => {
      try {
        return JSON.parse('{"row":canary}') as unknown;
      } catch (error) {
        return error;
      }
    })();
    const event = sentryEvent(toAppError(thrown), 'fatal', context, tools);
    expect(event.exception?.values?.[0]?.type).toBe('INTERNAL');
    expect(event.exception?.values?.[0]?.stacktrace?.frames?.length).toBeGreaterThan(1);
    expect(JSON.stringify(event)).not.toContain('canary');
    expect(JSON.stringify(sentryEvent(toAppError(Buffer.from('canary')), 'fatal', context, tools))).not.toContain(
      'canary',
    );
  });
});

describe('knownFieldsOnly', () => {
  it('drops what a client may add', () => {
    const event = {
      event_id: 'x',
      tags: { a: 'b' },
      request: { data: 'row' },
      breadcrumbs: [{ message: 'row' }],
      user: {},
    };
    expect(knownFieldsOnly(event)).toEqual({ event_id: 'x', tags: { a: 'b' } });
  });
});
