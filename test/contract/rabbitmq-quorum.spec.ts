import { describe } from 'vitest';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { RabbitmqHarness, sharedNode } from './rabbitmq-harness.js';

const node = sharedNode();

describe('RabbitMQ, strict order, quorum queue', () => {
  const queue = { arguments: { 'x-queue-type': 'quorum' } };
  publisherContract(async () => RabbitmqHarness.start(await node(), { queue }));
});
