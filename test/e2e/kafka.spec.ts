import { describe } from 'vitest';
import { sized } from '../support/test-size.js';
import { arrivesComplete, survivesBrokerKills, survivesOwnKills } from './support/delivery-cases.js';
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
    sized({ short: 10_000, full: 60_000 }),
  );
  survivesOwnKills(given, sized({ short: 3, full: 10 }), sized({ short: 1, full: 3 }));
  survivesBrokerKills(given, sized({ short: 1, full: 5 }));
});
