import { join } from 'node:path';
import { Child } from '../support/child-process.js';
import type { LoopFigures } from './bare-loop.js';
import type { Contender } from './drain.js';
import { eventFile } from './event-file.js';
import { type DrainTarget, serviceContender } from './service-drain.js';

const DEADLINE_MS = 600_000;

/** A broker that the service and the bare loop of its client publish to. */
export interface BrokerTarget extends DrainTarget {
  /** What the loop is told after file and number of events. */
  readonly loopArgs: readonly string[];
  count(): Promise<number>;
}

export interface BrokerContendersOptions {
  /** As in `wal-listener → NATS`, `NATS, bare loop`. */
  readonly name: string;
  /** The loop's compiled file beside this one. */
  readonly loop: string;
  /** Makes a fresh broker, for each drain. */
  readonly open: () => Promise<BrokerTarget>;
  readonly part?: Contender['part'];
}

/** The service publishing to a broker, as it comes by default, and the least that a client of that broker can do. */
export function brokerContenders({ name, loop, open, part = 'whole' }: BrokerContendersOptions): readonly Contender[] {
  const loopName = `${name}, bare loop`;
  return [
    serviceContender(`wal-listener → ${name}`, open, { comparedWith: loopName, part }),
    {
      name: loopName,
      part,
      // It takes the same events from memory, and nothing from the slot.
      async drain(backlog, { rows }) {
        const file = await eventFile(backlog);
        await using target = await open();
        await using child = Child.start(process.execPath, {
          args: [join(import.meta.dirname, loop), file, String(rows), ...target.loopArgs],
        });
        const { code } = await child.waitForExit(DEADLINE_MS);
        if (code !== 0) throw new Error(`the loop failed:${child.lastOutput()}`);
        const figures = JSON.parse(child.stdout.join('')) as LoopFigures;
        const stored = await target.count();
        if (stored !== rows) throw new Error(`${loopName}: ${String(stored)} messages of ${String(rows)}`);
        // Its memory is that of the messages it was given.
        return { ...figures, peakRssBytes: undefined };
      },
    },
  ];
}
