import type { AppConfig } from '#lib/config';
import type { PublisherDeps } from '../publisher-deps.js';
import type { PublisherDriver } from '../publisher.js';
import { StdoutPublisher } from './stdout.publisher.js';

/** Events to the process's standard output (or the stream given). */
export function createStdoutDriver(config: AppConfig, deps: PublisherDeps): PublisherDriver {
  const stream = deps.stdout ?? process.stdout;
  const { pretty } = config.publisher;
  return {
    needsKeys: false,
    check: () => Promise.resolve([]),
    topicName: (name) => name,
    create: (listener) => new StdoutPublisher({ stream, pretty, metrics: deps.metrics }, listener),
  };
}
