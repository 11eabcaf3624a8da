import { join } from 'node:path';
import type { Contender } from './drain.js';
import { kafkaContenders } from './kafka-drain.js';
import { natsContenders } from './nats-drain.js';
import { pgRecvlogical } from './pg-recvlogical.js';
import { pubsubContenders } from './pubsub-drain.js';
import { rabbitmqContenders } from './rabbitmq-drain.js';
import { type DrainTarget, serviceContender } from './service-drain.js';

/** What needs no broker; the program is configured for standard output, which the benchmark drops. */
export const noBroker = (): Promise<DrainTarget> =>
  Promise.resolve({
    env: { WAL_PUBLISHER_TYPE: 'stdout' },
    count: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

/** The program with a publisher that drops everything. */
export const DISCARD_ENTRY = join(import.meta.dirname, 'discard-service.js');

/** Everything that drains a backlog in `npm run bench -- drain`, but for the reference. */
const contenders: readonly Contender[] = [
  serviceContender('wal-listener → nothing', noBroker, { entry: DISCARD_ENTRY }),
  ...natsContenders,
  ...kafkaContenders,
  ...rabbitmqContenders,
  ...pubsubContenders,
  serviceContender('wal-listener → stdout', noBroker),
];

/**
 * The reference, and the contenders whose names hold one of the words, whatever its case; all when there is no word.
 *
 * @throws Error for a word that no name holds
 */
export function chooseContenders(words: readonly string[]): readonly Contender[] {
  if (words.length === 0) return [pgRecvlogical, ...contenders];
  const holds = ({ name }: Contender, word: string) => name.toLowerCase().includes(word.toLowerCase());
  for (const word of words) {
    if (contenders.some((contender) => holds(contender, word))) continue;
    throw new Error(`no contender ${word}; there are ${contenders.map(({ name }) => name).join('; ')}`);
  }
  return [pgRecvlogical, ...contenders.filter((contender) => words.some((word) => holds(contender, word)))];
}
