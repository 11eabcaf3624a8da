import { describe } from 'vitest';
import { KafkaBroker } from '../e2e/support/kafka-broker.js';
import { RabbitmqBroker } from '../e2e/support/rabbitmq-broker.js';
import { frozenPublishesNothingMore } from '../e2e/support/standby-cases.js';

describe('a frozen process before Apache Kafka', () => {
  // Its clients go where the brokers say, past any proxy.
  frozenPublishesNothingMore({ start: () => KafkaBroker.start({ topics: 'beforehand' }), behindProxy: false });
});

describe('a frozen process before RabbitMQ', () => {
  frozenPublishesNothingMore({ start: () => RabbitmqBroker.start(), behindProxy: true });
});
