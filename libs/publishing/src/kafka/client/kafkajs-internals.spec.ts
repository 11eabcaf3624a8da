import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { loadKafkajs } from './kafkajs-internals.js';

const require = createRequire(import.meta.url);

describe('loadKafkajs', () => {
  it('finds what is used in the version that is installed', () => {
    const { requests, apiKeys } = loadKafkajs();
    for (const api of [
      'ApiVersions',
      'Metadata',
      'GroupCoordinator',
      'InitProducerId',
      'DescribeConfigs',
      'CreateTopics',
    ] as const) {
      expect(requests[api].versions.length).toBeGreaterThan(0);
      expect(apiKeys[api]).toBeGreaterThan(0);
    }
    expect(apiKeys.Produce).toBe(0);
  });

  it('refuses any other version', () => {
    const other = (id: string): unknown => (id === 'kafkajs/package.json' ? { version: '2.3.0' } : require(id));
    expect(() => loadKafkajs(other)).toThrow(
      expect.objectContaining({
        code: 'BROKER_CONFIG',
        message: expect.stringContaining('kafkajs 2.3.0 is installed; the Kafka publisher needs 2.2.4') as string,
        remedy: 'npm install kafkajs@2.2.4',
      }),
    );
  });
});
