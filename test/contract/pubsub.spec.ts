import { describe } from 'vitest';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { PubsubHarness } from './pubsub-harness.js';

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Google Pub/Sub, ordered')])('%s', () => {
  publisherContract(() => PubsubHarness.start());
});
