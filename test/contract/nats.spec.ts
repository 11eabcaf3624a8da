import { describe } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { publisherContract } from '../../libs/publishing/src/testing/publisher-contract.js';
import { NatsHarness } from './nats-harness.js';

describe('NATS JetStream, chained', () => {
  publisherContract(() => NatsHarness.start());
});

/** As after a stream turned out to have other writers. */
class KeyedHarness extends NatsHarness {
  override config(publisher: Partial<PublisherConfig> = {}, ackTimeoutMs?: number) {
    const { nats } = super.config().publisher;
    return super.config({ nats: { ...nats, chain: 'off' }, ...publisher }, ackTimeoutMs);
  }
}

describe('NATS JetStream, one message per key', () => {
  publisherContract(() => KeyedHarness.start());
});
