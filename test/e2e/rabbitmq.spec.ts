import { describe } from 'vitest';
import { sized } from '../support/test-size.js';
import { arrivesComplete, survivesBrokerKills, survivesOwnKills } from './support/delivery-cases.js';
import { RabbitmqBroker } from './support/rabbitmq-broker.js';

const VERSION = 18;

describe('from PostgreSQL to RabbitMQ', () => {
  const given = { version: VERSION, pauseMs: 150, startBroker: () => RabbitmqBroker.start() } as const;
  arrivesComplete(given, sized({ short: 10_000, full: 60_000 }));
  survivesOwnKills(given, sized({ short: 3, full: 10 }), sized({ short: 1, full: 3 }));
  survivesBrokerKills(given, sized({ short: 1, full: 5 }));
});

describe('from PostgreSQL to quorum queues of RabbitMQ', () => {
  survivesBrokerKills(
    { version: VERSION, pauseMs: 150, startBroker: () => RabbitmqBroker.start('quorum') },
    sized({ short: 1, full: 3 }),
  );
});
