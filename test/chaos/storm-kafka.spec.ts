import { describe } from 'vitest';
import { KafkaStormBroker } from './support/kafka-storm-broker.js';
import { weathersAStorm } from './support/storm.js';

describe('Apache Kafka', () => {
  weathersAStorm({ start: KafkaStormBroker.start, pauseMs: 30 });
});
