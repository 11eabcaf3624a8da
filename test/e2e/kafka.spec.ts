import { describe } from 'vitest';
import { arrivesComplete, stopsInOrder, survivesBrokerKills, survivesOwnKills } from './support/delivery-cases.js';
import { KafkaBroker } from './support/kafka-broker.js';

const VERSION = 18;

describe('from PostgreSQL to Apache Kafka', () => {
  const given = {
    version: VERSION,
    pauseMs: 150,
    startBroker: () => KafkaBroker.start({ topics: 'beforehand' }),
  } as const;
  arrivesComplete(
    {
      version: VERSION,
      startBroker: () => KafkaBroker.start({ topics: 'by the service', secondOpinion: true }),
    },
    30_000,
  );
  survivesOwnKills(given, 6);
  survivesBrokerKills(given, 2);
  stopsInOrder(given);
});
