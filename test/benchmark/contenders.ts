import type { Contender } from './drain.js';
import { pgRecvlogical } from './pg-recvlogical.js';
import { serviceContender } from './service-drain.js';

/** The program writing to standard output, read and dropped by the benchmark. */
const standardOutput = serviceContender('wal-listener → stdout', () =>
  Promise.resolve({
    env: { WAL_PUBLISHER_TYPE: 'stdout' },
    count: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
);

/** Everything that drains a backlog in `npm run bench -- drain`; the reference comes first. */
export const contenders: readonly Contender[] = [pgRecvlogical, standardOutput];
