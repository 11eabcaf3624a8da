import { describe, expect, it } from 'vitest';
import { NatsError } from 'nats';
import { mapConnectionError } from './map-nats-error.js';

describe('mapConnectionError', () => {
  it.each([
    [new NatsError('TIMEOUT', 'TIMEOUT'), 'does not answer'],
    [Object.assign(new Error('The operation was aborted'), { name: 'AbortError' }), 'does not answer'],
    [
      new NatsError('CONNECTION_REFUSED', 'CONNECTION_REFUSED', new Error('connect ECONNREFUSED ::1:4222')),
      'connect ECONNREFUSED ::1:4222',
    ],
    [undefined, 'the connection ended'],
  ])('says of %s what a person can use', (error, reason) => {
    const mapped = mapConnectionError(error, 'mq:4222');
    expect(mapped).toMatchObject({ code: 'BROKER_UNREACHABLE', message: `NATS server mq:4222: ${reason}` });
  });
});
