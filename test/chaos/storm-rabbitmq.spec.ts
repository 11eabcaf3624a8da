import { describe } from 'vitest';
import { RabbitmqStormBroker } from './support/rabbitmq-storm-broker.js';
import { weathersAStorm } from './support/storm.js';

describe.each(['classic', 'quorum'] as const)('RabbitMQ, %s queues', (type) => {
  weathersAStorm({ start: () => RabbitmqStormBroker.start(type), pauseMs: 50 });
});
