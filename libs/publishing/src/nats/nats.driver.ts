import type { AppConfig } from '#lib/config';
import { systemClock } from '#lib/kernel';
import { onceLogger } from '../once-logger.js';
import type { PublisherDeps } from '../publisher-deps.js';
import type { PublisherDriver } from '../publisher.js';
import { checkNats } from './check-nats.js';
import { LinkPool } from './link-pool.js';
import { type NatsMemory, NatsPublisher } from './nats.publisher.js';
import { subjectName } from './subject-name.js';
import { MAX_BYTES, MAX_EVENTS } from './wire.js';

/** Twice what may be on the wire, so that it never runs dry. */
const WINDOW = { events: 2 * MAX_EVENTS, bytes: 2 * MAX_BYTES };

/**
 * Publishers for NATS JetStream. What one attempt learns about the cluster and about other writers is kept for the next.
 *
 * @throws AppError BROKER_CONFIG for an address that cannot be read
 */
export function createNatsDriver(config: AppConfig, deps: PublisherDeps): PublisherDriver {
  const { publisher, listener } = config;
  const { chain } = publisher.nats;
  const pool = new LinkPool(publisher);
  const memory: NatsMemory = { keyed: chain === 'off', strangers: 0 };
  const { logger, metrics, clock = systemClock } = deps;
  const setupLogger = onceLogger(logger);
  return {
    check: (signal) => checkNats(pool, publisher, signal),
    window: WINDOW,
    needsKeys: chain !== 'on',
    topicName: subjectName,
    create: (publisherListener) =>
      new NatsPublisher(
        { publisher, ackTimeoutMs: listener.ackTimeoutMs, pool, memory, logger, setupLogger, metrics, clock },
        publisherListener,
      ),
  };
}
