import { describe, expect, it } from 'vitest';
import { type CallFailure, fateOf, lacksConnection, mapCallFailure, STATUS } from './map-pubsub-error.js';

describe('the fate of a failed call', () => {
  it.each(['cancelled', 'unknown', 'deadlineExceeded', 'internal', 'unavailable'] as const)(
    'is open when the answer is %s: a server behind the one that answers may still be at work',
    (status) => {
      expect(fateOf(STATUS[status], 'upstream', true)).toBe('late');
      expect(fateOf(STATUS[status], 'Connection dropped', false)).toBe('lost');
      // A server's words are no proof that nothing was sent.
      expect(fateOf(STATUS[status], 'No connection established', true)).toBe('late');
    },
  );

  it.each(['invalidArgument', 'notFound', 'alreadyExists', 'permissionDenied', 'unauthenticated'] as const)(
    'is a refusal when the status is %s, with metadata or without',
    (status) => {
      expect(fateOf(STATUS[status], 'no', true)).toBe('refused');
      expect(fateOf(STATUS[status], 'no', false)).toBe('refused');
    },
  );

  it('is a refusal for other answers, and unknown when gRPC says the same of its own accord', () => {
    for (const code of [STATUS.resourceExhausted, STATUS.failedPrecondition, STATUS.aborted]) {
      expect(fateOf(code, 'no', true)).toBe('refused');
      expect(fateOf(code, 'no', false)).toBe('lost');
    }
  });

  it('is known when there was no connection or no token to send it with', () => {
    const noConnection = 'No connection established. Last error: ECONNREFUSED';
    const noToken = 'Getting metadata from plugin failed with error: x';
    expect(fateOf(STATUS.unavailable, noConnection, false)).toBe('unsent');
    expect(fateOf(STATUS.unauthenticated, noToken, false)).toBe('unsent');
    expect(lacksConnection({ code: 14, message: noConnection, fate: 'unsent', cause: undefined })).toBe(true);
    expect(lacksConnection({ code: 14, message: noToken, fate: 'unsent', cause: undefined })).toBe(false);
  });
});

describe('an error of TLS', () => {
  const map = (code: string, admitted: boolean) => {
    const cause = Object.assign(new Error(code), { code });
    const failure: CallFailure = { code: STATUS.unavailable, message: 'no connection', fate: 'lost', cause };
    return mapCallFailure(failure, 'Pub/Sub', 'p', admitted).code;
  };

  it.each([
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'EPROTO',
    'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
  ])('of the protocol (%s) is for good only before Pub/Sub ever answered', (code) => {
    expect(map(code, false)).toBe('BROKER_TLS');
    expect(map(code, true)).toBe('BROKER_UNREACHABLE');
  });

  it.each([
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
  ])('of a certificate that does not verify (%s) is always for good', (code) => {
    expect(map(code, false)).toBe('BROKER_TLS');
    expect(map(code, true)).toBe('BROKER_TLS');
  });
});
