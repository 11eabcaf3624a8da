import type { AppConfig } from '#lib/config';
import { AppError, systemClock } from '#lib/kernel';
import { onceLogger } from '../once-logger.js';
import type { PublisherDeps } from '../publisher-deps.js';
import type { PublisherDriver } from '../publisher.js';
import { deadLetterName } from '../topic-name.js';
import { checkPubsub } from './check-pubsub.js';
import { parseEndpoint } from './endpoint.js';
import type { PubsubMemory } from './fence.js';
import { PubsubPublisher } from './pubsub.publisher.js';
import { topicId } from './topic-id.js';

/** Enough for requests of some size in every bucket, and little enough for the memory that is promised. */
const WINDOW = { events: 8192, bytes: 8 * 1024 * 1024 };

/**
 * Publishers for Google Cloud Pub/Sub. What an attempt leaves on its way is remembered for the next.
 *
 * @throws AppError BROKER_CONFIG for an address that cannot be read or a missing project
 */
export function createPubsubDriver(config: AppConfig, deps: PublisherDeps): PublisherDriver {
  const { publisher, listener } = config;
  const project = publisher.pubSubProjectID;
  if (project === undefined) throw new AppError('BROKER_CONFIG', 'publisher.pubSubProjectID is not set');
  const endpoint = parseEndpoint(publisher);
  const settings = { publisher, endpoint, project, requestMs: listener.ackTimeoutMs };
  const memory: PubsubMemory = { unsettled: false, aliveAtMs: undefined, admitted: false };
  const deadLetterTopic = topicId(deadLetterName(publisher));
  const { logger, metrics, clock = systemClock } = deps;
  const setupLogger = onceLogger(logger);
  return {
    check: (signal) => checkPubsub(settings, deadLetterTopic, signal),
    window: WINDOW,
    needsKeys: true,
    topicName: topicId,
    create: (publisherListener) =>
      new PubsubPublisher(
        { settings, deadLetterTopic, memory, logger, setupLogger, metrics, clock },
        publisherListener,
      ),
  };
}
