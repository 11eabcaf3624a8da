import { describe } from 'vitest';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { KafkaHarness, sharedKafka } from './kafka-harness.js';

const server = sharedKafka();

describe('Kafka', () => {
  publisherContract(async () => KafkaHarness.start(await server()));
});

describe('Kafka, compressed', () => {
  const { kafka } = publisherTestConfig({ type: 'kafka' }).publisher;
  const gzip = { ...kafka, compression: 'gzip' as const, autoCreateTopics: true, partitions: 3 };
  publisherContract(async () => KafkaHarness.start(await server(), { kafka: gzip }));
});
