import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { AppError } from '#lib/kernel';

import { isSkippedPublication, mapPgError } from './map-pg-error.js';

function serverError(code: string, message = 'refused'): Error {
  return Object.assign(new pg.DatabaseError(message, 10, 'error'), { code, severity: 'ERROR' });
}
const socketError = (code: string, message = code): Error => Object.assign(new Error(message), { code });

describe('mapPgError', () => {
  it.each([
    ['28P01', 'PG_AUTH', false],
    ['28000', 'PG_AUTH', false],
    ['3D000', 'PG_DATABASE_MISSING', false],
    ['42501', 'PG_PRIVILEGE', false],
    ['55006', 'SLOT_IN_USE', true],
    ['53400', 'SLOTS_EXHAUSTED', false],
    ['53300', 'PG_CONNECTION_LOST', true],
    ['57P01', 'PG_CONNECTION_LOST', true],
    ['57P02', 'PG_CONNECTION_LOST', true],
    ['57P03', 'PG_CONNECTION_LOST', true],
    ['08006', 'PG_CONNECTION_LOST', true],
    ['XX000', 'PG_QUERY', true],
    ['42704', 'PG_QUERY', true],
  ] as const)('takes SQLSTATE %s as %s', (sqlstate, code, retriable) => {
    expect(mapPgError(serverError(sqlstate))).toMatchObject({ code, retriable, facts: { sqlstate } });
  });

  it.each(['22P02', '22023', '23505', 'P0001'])(
    'keeps the text of SQLSTATE %s back, which may quote a row',
    (sqlstate) => {
      const refused = Object.assign(serverError(sqlstate), { message: 'invalid input: "a row value"' });
      expect(mapPgError(refused).message).not.toContain('a row value');
      expect(mapPgError(refused).message).toContain(sqlstate);
    },
  );

  it.each([
    [socketError('ECONNREFUSED'), 'PG_CONNECTION_LOST'],
    [socketError('EPIPE'), 'PG_CONNECTION_LOST'],
    [socketError('ETIMEDOUT'), 'PG_CONNECTION_LOST'],
    [new Error('Connection terminated unexpectedly'), 'PG_CONNECTION_LOST'],
    [new Error('timeout expired'), 'PG_CONNECTION_LOST'],
    [socketError('SELF_SIGNED_CERT_IN_CHAIN'), 'PG_TLS'],
    [socketError('ERR_TLS_CERT_ALTNAME_INVALID'), 'PG_TLS'],
    [socketError('CERT_HAS_EXPIRED'), 'PG_TLS'],
    [socketError('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'PG_TLS'],
    [new Error('The server does not support SSL connections'), 'PG_TLS'],
    [new TypeError('x is not a function'), 'INTERNAL'],
  ])('takes %s as %s', (error, code) => {
    expect(mapPgError(error).code).toBe(code);
  });

  it('says that a host does not resolve', () => {
    const mapped = mapPgError(socketError('ENOTFOUND', 'getaddrinfo ENOTFOUND db'), { host: 'db' });
    expect(mapped).toMatchObject({ code: 'PG_CONNECTION_LOST', facts: { host: 'db' } });
    expect(mapped.message).toContain('does not resolve');
  });

  it('has a message for an error of several addresses', () => {
    const error = Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:5432')], ''), {
      code: 'ECONNREFUSED',
    });
    expect(mapPgError(error)).toMatchObject({ code: 'PG_CONNECTION_LOST', message: 'connect ECONNREFUSED ::1:5432' });
  });

  it('knows a pooler by its refusal of a start-up parameter', () => {
    expect(mapPgError(serverError('08P01', 'unsupported startup parameter: options')).code).toBe('PG_SESSION_SETTING');
  });

  it('leaves an AppError as it is', () => {
    const error = new AppError('SLOT_LOST', 'gone');
    expect(mapPgError(error)).toBe(error);
  });

  it("knows pgoutput's warning by where it comes from, not by its text", () => {
    expect(isSkippedPublication({ code: '55000', routine: 'LoadPublications' })).toBe(true);
    expect(isSkippedPublication({ code: '55000', routine: 'other' })).toBe(false);
  });
});
