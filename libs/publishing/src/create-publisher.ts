import type { AppConfig } from '#lib/config';
import type { PublisherDeps } from './publisher-deps.js';
import type { PublisherDriver } from './publisher.js';

/**
 * The driver of the broker that `publisher.type` names. Only that broker's client library is loaded.
 *
 * @throws AppError BROKER_CONFIG when the broker or a credential file cannot be used
 */
export async function createPublisherDriver(config: AppConfig, deps: PublisherDeps): Promise<PublisherDriver> {
  const { type } = config.publisher;
  switch (type) {
    case 'stdout':
      return (await import('./stdout/stdout.driver.js')).createStdoutDriver(config, deps);
    case 'nats':
      return (await import('./nats/nats.driver.js')).createNatsDriver(config, deps);
    case 'kafka':
      return (await import('./kafka/kafka.driver.js')).createKafkaDriver(config, deps);
    case 'rabbitmq':
      return (await import('./rabbitmq/rabbitmq.driver.js')).createRabbitmqDriver(config, deps);
    case 'google_pubsub':
      return (await import('./google-pubsub/pubsub.driver.js')).createPubsubDriver(config, deps);
  }
}
