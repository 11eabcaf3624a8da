import { describe } from 'vitest';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { NatsHarness } from './nats-harness.js';

describe('NATS JetStream, chained', () => {
  publisherContract(() => NatsHarness.start());
});
