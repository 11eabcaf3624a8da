import type { AppConfig } from '#lib/config';
import { AppError, systemClock } from '#lib/kernel';
import type { PublisherDeps } from '../publisher-deps.js';
import { publisherIdentity } from '../publisher-identity.js';
import type { PublisherDriver } from '../publisher.js';
import { checkRabbitmq } from './check-rabbitmq.js';
import { LinkPool } from './link-pool.js';
import { RabbitmqPublisher } from './rabbitmq.publisher.js';
import { MAX_SHORT_STRING_BYTES, routingKey } from './routing-key.js';
import { MAX_BYTES, MAX_EVENTS } from './wire.js';

/** Twice what may be on the wire, so that it never runs dry. */
const WINDOW = { events: 2 * MAX_EVENTS, bytes: 2 * MAX_BYTES };

/**
 * Publishers for RabbitMQ (AMQP 0-9-1).
 *
 * @throws AppError BROKER_CONFIG for an address or an exchange's name that cannot be used
 */
export function createRabbitmqDriver(config: AppConfig, deps: PublisherDeps): PublisherDriver {
  const { publisher, listener } = config;
  const { logger, metrics, clock = systemClock } = deps;
  if (Buffer.byteLength(publisher.topic) > MAX_SHORT_STRING_BYTES) {
    throw new AppError('BROKER_CONFIG', `publisher.topic is longer than ${MAX_SHORT_STRING_BYTES} bytes`, {
      remedy: 'An exchange has a shorter name.',
    });
  }
  const pool = new LinkPool(publisher);
  const placeName = routingKey(publisherIdentity(config));
  return {
    check: (signal) => checkRabbitmq(pool, publisher, signal),
    window: WINDOW,
    needsKeys: publisher.ordering === 'strict',
    topicName: routingKey,
    create: (publisherListener) =>
      new RabbitmqPublisher(
        { publisher, placeName, ackTimeoutMs: listener.ackTimeoutMs, pool, logger, metrics, clock },
        publisherListener,
      ),
  };
}
