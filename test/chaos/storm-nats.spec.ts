import { describe } from 'vitest';
import { NatsStormBroker } from './support/nats-storm-broker.js';
import { weathersAStorm } from './support/storm.js';

describe('NATS JetStream', () => {
  weathersAStorm({ start: NatsStormBroker.start, pauseMs: 30 });
});
