import { describe } from 'vitest';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { PubsubStormBroker } from './support/pubsub-storm-broker.js';
import { weathersAStorm } from './support/storm.js';

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Google Pub/Sub')])('%s', () => {
  weathersAStorm({ start: PubsubStormBroker.start, pauseMs: 80 });
});
