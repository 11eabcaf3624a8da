import { describe, expect, it } from 'vitest';
import { createRedactor } from './redactor.js';

describe('createRedactor', () => {
  const redact = createRedactor(['s3cret/päss w"rd', 'longest-of-all', 'longest-of', 'able', 'abc', '']);

  it.each([
    ['password authentication failed for s3cret/päss w"rd!', 'password authentication failed for ***!'],
    ['://x?pw=s3cret%2Fp%C3%A4ss%20w%22rd', '://x?pw=***'],
    [JSON.stringify({ pw: 's3cret/päss w"rd' }), '{"pw":"***"}'],
    ['xlongest-of-allx', 'x***x'],
    ['longest-of them', '*** them'],
  ])('masks values wherever they are: %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it('leaves words alone that hold a short value, and values too short to be told from other text', () => {
    expect(redact('the table is unable, abc')).toBe('the table is unable, abc');
    expect(redact('user able: "able"')).toBe('user ***: "***"');
  });

  it.each([
    ['cannot reach nats://me:pw@one:4222,nats://token@two', 'cannot reach nats://***@one:4222,nats://***@two'],
    ['to "me:pw@host:1"', 'to "***@host:1"'],
    ['me:pw@host', '***@host'],
    ['amqp://u:p@@ss@host/vhost', 'amqp://***@host/vhost'],
    ['mail to someone@example.com', 'mail to someone@example.com'],
    ['at 12:30 see docs', 'at 12:30 see docs'],
  ])('masks user information in addresses: %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(createRedactor([])(text)).toBe(expected);
  });
});
