import { describe } from 'vitest';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { RabbitmqHarness, sharedNode } from './rabbitmq-harness.js';

const node = sharedNode();

describe('RabbitMQ, relaxed order', () => {
  publisherContract(async () => RabbitmqHarness.start(await node(), { publisher: { ordering: 'relaxed' } }));
});
