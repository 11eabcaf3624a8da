import type { AppConfig } from '#lib/config';
import type { PublisherDeps } from '../publisher-deps.js';
import type { PublisherDriver } from '../publisher.js';
import { StdoutPublisher } from './stdout.publisher.js';

/** A pipe takes 64 KiB at a time: more than a few writes ahead would only wait. */
const WINDOW = { events: 8192, bytes: 4 * 1024 * 1024 };

/** Events to the process's standard output (or the stream given). */
export function createStdoutDriver(config: AppConfig, deps: PublisherDeps): PublisherDriver {
  const stream = deps.stdout ?? process.stdout;
  const { pretty } = config.publisher;
  return {
    window: WINDOW,
    needsKeys: false,
    check: () => Promise.resolve([]),
    topicName: (name) => name,
    create: (listener) => new StdoutPublisher({ stream, pretty, metrics: deps.metrics }, listener),
  };
}
