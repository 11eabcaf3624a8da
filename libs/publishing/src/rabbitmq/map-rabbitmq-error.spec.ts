import { describe, expect, it } from 'vitest';
import {
  isVhostClosed,
  mapChannelError,
  mapConnectionError,
  type Party,
  refusalOf,
  sizeLimitOf,
  vhostMistake,
} from './map-rabbitmq-error.js';

const party: Party = { address: 'rabbit:5672', vhost: '/', user: '"bob"', tls: false, admitted: false };
const closed = (code: number, name: string, text: string) =>
  new Error(`Channel closed by server: ${code} (${name}) with message "${text}"`);

describe('refusalOf', () => {
  it('reads the code and the text, with quotes in it', () => {
    expect(refusalOf(closed(404, 'NOT-FOUND', `NOT_FOUND - no exchange "a" in vhost '/'`))).toEqual({
      code: 404,
      text: `NOT_FOUND - no exchange "a" in vhost '/'`,
    });
    expect(refusalOf(new Error('Heartbeat timeout'))).toBeUndefined();
  });
});

describe('sizeLimitOf', () => {
  it.each([
    ['PRECONDITION_FAILED - message size 20000 is larger than configured max size 10000', 10_000],
    ['PRECONDITION_FAILED - message size 600000000 is larger than max size 536870912', 536_870_912],
    ['PRECONDITION_FAILED - unknown delivery tag 1', undefined],
  ])('%s', (text, limit) => {
    expect(sizeLimitOf(closed(406, 'PRECONDITION-FAILED', text))).toBe(limit);
  });
});

describe('mapConnectionError', () => {
  const handshake = (code: number, text: string) =>
    new Error(`Handshake terminated by server: ${code} (SOME-NAME) with message "${text}"`);

  it.each([
    [handshake(403, 'ACCESS_REFUSED - Login was refused'), 'BROKER_AUTH'],
    [
      handshake(530, `NOT_ALLOWED - access to vhost '/' refused for user 'bob': connection limit (2) is reached`),
      'BROKER_REFUSED',
    ],
    [handshake(320, 'CONNECTION_FORCED - broker forced connection closure'), 'BROKER_UNREACHABLE'],
    [new Error('SASL mechanism EXTERNAL is not provided by the server'), 'BROKER_CONFIG'],
    [Object.assign(new Error('self signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'BROKER_TLS'],
    [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'BROKER_UNREACHABLE'],
    [undefined, 'BROKER_UNREACHABLE'],
  ] as const)('%s', (error, code) => {
    expect(mapConnectionError(error, party).code).toBe(code);
  });

  it('holds a closed vhost for something that may pass, and can name the mistake', () => {
    const error = mapConnectionError(new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'), party);
    expect(error).toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    expect(isVhostClosed(error)).toBe(true);
    expect(vhostMistake(error)).toMatchObject({ code: 'BROKER_AUTH', message: error.message, remedy: error.remedy });
    expect(isVhostClosed(mapConnectionError(undefined, party))).toBe(false);
  });

  it.each([
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'BROKER_UNREACHABLE'],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'BROKER_UNREACHABLE'],
    ['EPROTO', 'BROKER_UNREACHABLE'],
    ['CERT_HAS_EXPIRED', 'BROKER_TLS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'BROKER_TLS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'BROKER_TLS'],
  ] as const)('once let in, of TLS only what makes the server untrusted is fatal: %s', (code, expected) => {
    const error = Object.assign(new Error('handshake'), { code });
    expect(mapConnectionError(error, { ...party, admitted: true }).code).toBe(expected);
    expect(mapConnectionError(error, party).code).toBe('BROKER_TLS');
  });
});

describe('mapChannelError', () => {
  it.each([
    [403, 'BROKER_AUTH'],
    [404, 'BROKER_REFUSED'],
    [406, 'BROKER_CONFIG'],
    [506, 'BROKER_REFUSED'],
    [541, 'BROKER_REFUSED'],
  ] as const)('%i', (code, expected) => {
    const error = mapChannelError(closed(code, 'X', 'reason'), 'exchange "app"', party);
    expect(error).toMatchObject({ code: expected, message: 'exchange "app": reason' });
  });
});
