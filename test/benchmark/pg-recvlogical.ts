import { join } from 'node:path';
import { Child } from '../support/child-process.js';
import { installedBinDir, type PostgresServer } from '../support/postgres.js';
import { PUBLICATION } from './backlog.js';
import { type Contender, REFERENCE } from './drain.js';
import { ProcessUsage } from './process-usage.js';

const DEADLINE_MS = 600_000;

/**
 * Lets PostgreSQL's own client receive everything from the slot's position to `endLsn` (protocol 1, text) and write it
 * to /dev/null. Gives the seconds from its start to its end. Throws when it is not installed or fails.
 */
export async function drainWithPgRecvlogical(
  pg: PostgresServer,
  slot: string,
  publication: string,
  endLsn: string,
  usage?: ProcessUsage,
): Promise<number> {
  const binDir = installedBinDir(15);
  if (binDir === undefined) throw new Error('pg_recvlogical is missing: apt-get install postgresql-15');
  const startedMs = performance.now();
  await using client = Child.start(join(binDir, 'pg_recvlogical'), {
    args: [
      `--dbname=host=${pg.host} port=${String(pg.port)} user=${pg.user} dbname=${pg.database}`,
      `--slot=${slot}`,
      '--start',
      '--no-loop',
      '--file=/dev/null',
      `--endpos=${endLsn}`,
      '--option=proto_version=1',
      `--option=publication_names="${publication}"`,
    ],
    env: { PGPASSWORD: pg.password },
  });
  usage?.watch(client.pid);
  const { code } = await client.waitForExit(DEADLINE_MS);
  if (code !== 0) throw new Error(`pg_recvlogical failed:${client.lastOutput()}`);
  return (performance.now() - startedMs) / 1000;
}

/** The reference of every drain. */
export const pgRecvlogical: Contender = {
  name: REFERENCE,
  async drain(backlog, { slot }) {
    using usage = new ProcessUsage();
    const seconds = await drainWithPgRecvlogical(backlog.server, slot, PUBLICATION, backlog.endLsn, usage);
    return { seconds, peakRssBytes: usage.peakRssBytes, cpuSeconds: usage.cpuSeconds };
  },
};
