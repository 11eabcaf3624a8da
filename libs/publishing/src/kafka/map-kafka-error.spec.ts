import { describe, expect, it } from 'vitest';
import { AppError } from '#lib/kernel';
import { mapConnectionError, mapProtocolError } from './map-kafka-error.js';

const withCode = (code: string, message: string) => Object.assign(new Error(message), { code });

describe('mapConnectionError', () => {
  it.each([
    ['ECONNREFUSED', 'BROKER_UNREACHABLE'],
    ['ENOTFOUND', 'BROKER_UNREACHABLE'],
    ['ECONNRESET', 'BROKER_UNREACHABLE'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'BROKER_TLS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'BROKER_TLS'],
    ['CERT_HAS_EXPIRED', 'BROKER_TLS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'BROKER_TLS'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'BROKER_TLS'],
  ])('%s is %s', (code, expected) => {
    const error = mapConnectionError(withCode(code, 'the reason'), 'kafka:9092');
    expect(error).toMatchObject({ code: expected, message: 'Kafka broker kafka:9092: the reason' });
  });

  it('says why a host with several addresses cannot be reached', () => {
    const each = [withCode('ECONNREFUSED', 'connect ECONNREFUSED ::1:9092')];
    const reasonOf = (errors: readonly Error[]) =>
      mapConnectionError(Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' }), 'kafka:9092').message;
    expect(reasonOf(each)).toBe('Kafka broker kafka:9092: connect ECONNREFUSED ::1:9092');
    expect(reasonOf([])).toBe('Kafka broker kafka:9092: ECONNREFUSED');
  });

  it('keeps what is mapped already', () => {
    const error = new AppError('BROKER_AUTH', 'refused');
    expect(mapConnectionError(error, 'kafka:9092')).toBe(error);
  });
});

describe('mapProtocolError', () => {
  it.each([
    [6, 'BROKER_REFUSED', 'NOT_LEADER_OR_FOLLOWER', true],
    [7, 'BROKER_TIMEOUT', 'REQUEST_TIMED_OUT', true],
    [19, 'BROKER_REFUSED', 'NOT_ENOUGH_REPLICAS', true],
    [29, 'BROKER_AUTH', 'TOPIC_AUTHORIZATION_FAILED', false],
    [38, 'BROKER_REFUSED', 'INVALID_REPLICATION_FACTOR', true],
    [58, 'BROKER_AUTH', 'SASL_AUTHENTICATION_FAILED', false],
    // A broker newer than this list: worth another attempt.
    [12_345, 'BROKER_REFUSED', 'error 12345', true],
  ])('of %i', (errorCode, code, name, retriable) => {
    const error = mapProtocolError(errorCode, 'topic "a"', 'more words');
    expect(error).toMatchObject({ code, retriable, facts: { kafkaErrorCode: errorCode } });
    expect(error.message).toBe(`topic "a": Kafka answers ${name}: more words`);
  });

  it('says what to grant', () => {
    expect(mapProtocolError(29, 'topic "a"').remedy).toContain('Write and Describe on the topic');
  });
});
