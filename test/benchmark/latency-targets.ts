import type { OpenLatencyTarget } from './latency.js';
import { openNatsTarget } from './nats-latency.js';

const openStandardOutput: OpenLatencyTarget = () =>
  Promise.resolve({
    name: 'stdout',
    env: { WAL_PUBLISHER_TYPE: 'stdout' },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

/** Where events are received in `npm run bench -- latency`. */
export const latencyTargets: readonly OpenLatencyTarget[] = [openNatsTarget, openStandardOutput];
