import { describe } from 'vitest';
import { arrivesComplete, stopsInOrder, survivesBrokerKills, survivesOwnKills } from './support/delivery-cases.js';
import { RabbitmqBroker } from './support/rabbitmq-broker.js';

const VERSION = 18;

describe('from PostgreSQL to RabbitMQ', () => {
  const given = { version: VERSION, pauseMs: 150, startBroker: () => RabbitmqBroker.start() } as const;
  arrivesComplete(given, 30_000);
  survivesOwnKills(given, 6);
  survivesBrokerKills(given, 2);
  stopsInOrder(given);
});

describe('from PostgreSQL to quorum queues of RabbitMQ', () => {
  survivesBrokerKills({ version: VERSION, pauseMs: 150, startBroker: () => RabbitmqBroker.start('quorum') }, 2);
});
