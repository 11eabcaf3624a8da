import { join } from 'node:path';
import type { Contender } from './drain.js';
import { natsLoop, natsService } from './nats-drain.js';
import { pgRecvlogical } from './pg-recvlogical.js';
import { type DrainTarget, serviceContender } from './service-drain.js';

/** What needs no broker; the program is configured for standard output, which the benchmark drops. */
const noBroker = (): Promise<DrainTarget> =>
  Promise.resolve({
    env: { WAL_PUBLISHER_TYPE: 'stdout' },
    count: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

/** Everything that drains a backlog in `npm run bench -- drain`; the reference comes first. */
export const contenders: readonly Contender[] = [
  pgRecvlogical,
  serviceContender('wal-listener → nothing', noBroker, { entry: join(import.meta.dirname, 'discard-service.js') }),
  natsService,
  natsLoop,
  serviceContender('wal-listener → stdout', noBroker),
];
