import { describe, expect, it } from 'vitest';
import { publisherIdentity } from './publisher-identity.js';
import { publisherTestConfig } from './testing/publisher-config.js';

const base = publisherTestConfig({ type: 'kafka' });

describe('publisherIdentity', () => {
  it('is the same for replicas of one configuration and names database and slot', () => {
    expect(publisherIdentity(base)).toBe(publisherIdentity(publisherTestConfig({ type: 'kafka' })));
    expect(publisherIdentity(base)).toMatch(/^wal-listener\.app\.wal_listener\.[0-9a-f]{12}$/);
  });

  it('differs for another host, database, slot or topic', () => {
    const others = [
      { ...base, database: { ...base.database, hosts: ['elsewhere'] } },
      { ...base, database: { ...base.database, name: 'other' } },
      { ...base, listener: { ...base.listener, slotName: 'other' } },
      { ...base, publisher: { ...base.publisher, topic: 'other' } },
    ].map(publisherIdentity);
    expect(new Set([publisherIdentity(base), ...others]).size).toBe(5);
  });

  it('does not depend on the order of the hosts', () => {
    const hosts = (...names: string[]) => publisherIdentity({ ...base, database: { ...base.database, hosts: names } });
    expect(hosts('a', 'b')).toBe(hosts('b', 'a'));
  });
});
