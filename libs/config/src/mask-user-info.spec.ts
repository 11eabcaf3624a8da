import { describe, expect, it } from 'vitest';
import { maskUserInfo } from './mask-user-info.js';

describe('maskUserInfo', () => {
  it.each([
    ['nats://me:pw@one:4222,nats://token@two:4222', 'nats://***@one:4222,nats://***@two:4222'],
    ['amqp://host/vhost,me:pw@host:1', 'amqp://***@host:1'],
    ['me:pw@host:1', '***@host:1'],
    ['host:9092,other:9092', 'host:9092,other:9092'],
    // What should have been percent-encoded: rather a host is hidden than a part of a password shown.
    ['nats://me:p/w?x#y@z@host:1', 'nats://***@host:1'],
    ['amqp://me:p,w@host/v', 'amqp://***@host/v'],
    ['me:p,w/@host', '***@host'],
  ])('%s → %s', (address, shown) => {
    expect(maskUserInfo(address)).toBe(shown);
  });
});
