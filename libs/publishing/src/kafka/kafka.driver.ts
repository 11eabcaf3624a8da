import type { AppConfig } from '#lib/config';
import { systemClock } from '#lib/kernel';
import { onceLogger } from '../once-logger.js';
import type { PublisherDeps } from '../publisher-deps.js';
import { publisherIdentity } from '../publisher-identity.js';
import type { PublisherDriver } from '../publisher.js';
import { checkKafka } from './check-kafka.js';
import { createKafkaClient } from './client/kafka-client.js';
import { BatchCompressor } from './codec/compression.js';
import { KafkaPublisher } from './kafka.publisher.js';
import type { FenceMemory } from './producer-fence.js';
import { kafkaTopicName } from './topic-name.js';

/** Enough that every partition has the next batch ready while its last is being stored. */
const WINDOW = { events: 16_384, bytes: 16 * 1024 * 1024 };

/**
 * Publishers for Apache Kafka. A producer id without a name is kept from one attempt to the next.
 *
 * @throws AppError BROKER_CONFIG for an address that cannot be read, or a compression whose package is missing
 */
export async function createKafkaDriver(config: AppConfig, deps: PublisherDeps): Promise<PublisherDriver> {
  const { publisher, listener } = config;
  const { logger, metrics, clock = systemClock } = deps;
  const setupLogger = onceLogger(logger);
  const memory: FenceMemory = { namedId: undefined, plain: undefined };
  const transactionalId = publisherIdentity(config);
  const client = () => createKafkaClient({ publisher, clock, clientId: 'wal-listener' });
  const compressor = await BatchCompressor.load(publisher.kafka.compression);
  // Says at once what is wrong with the addresses.
  client().close();
  return {
    check: (signal) => checkKafka(client(), publisher, signal),
    window: WINDOW,
    needsKeys: true,
    topicName: kafkaTopicName,
    create: (publisherListener) =>
      new KafkaPublisher(
        {
          publisher,
          ackTimeoutMs: listener.ackTimeoutMs,
          client: client(),
          compressor,
          transactionalId,
          memory,
          logger,
          setupLogger,
          metrics,
          clock,
        },
        publisherListener,
      ),
  };
}
