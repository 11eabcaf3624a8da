import { describe, expect, it } from 'vitest';
import { secretValues } from './secret-values.js';
import { loadEnv } from './testing/load.js';

function secretsOf(env: Record<string, string>): readonly string[] {
  return secretValues(loadEnv(env).config);
}

describe('secretValues', () => {
  it('has every secret option, and user information in addresses as written and decoded', () => {
    const secrets = secretsOf({
      WAL_DATABASE_PASSWORD: 'of the database',
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_TOPIC: 'shop',
      WAL_PUBLISHER_ADDRESS: 'nats://me:p%2Fw@one:4222,nats://a-token@two:4222',
      WAL_MONITORING_SENTRY_DSN: 'https://public:private@sentry.example.com/1',
    });
    expect(secrets).toEqual(expect.arrayContaining(['of the database', 'p%2Fw', 'p/w', 'a-token', 'private']));
    // The key of a DSN may be an ordinary word, such as a schema's name.
    expect(secrets).not.toContain('public');
  });

  it('leaves out what is no secret elsewhere, and what is empty', () => {
    expect(secretsOf({ WAL_DATABASE_USER: 'postgres', WAL_DATABASE_PASSWORD: 'postgres' })).not.toContain('postgres');
    expect(secretsOf({ WAL_DATABASE_PASSWORD: '' })).not.toContain('');
  });
});
