export { createPublisherDriver } from './create-publisher.js';
export { DiscardPublisher, discardDriver } from './discard/discard.publisher.js';
export type { PublisherDeps } from './publisher-deps.js';
export type { BrokerFinding, Publisher, PublisherDriver, PublisherListener } from './publisher.js';
export { PUBLISHER_DRIVER } from './publisher.token.js';
export { PublishingModule, type PublishingModuleOptions } from './publishing.module.js';
