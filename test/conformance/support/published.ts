import { connect } from 'nats';
import type pg from 'pg';
import type { Child } from '../../support/child-process.js';
import type { NatsServer } from '../../support/nats-server.js';
import type { TestDatabase } from '../../support/postgres.js';
import { databaseVariables, startService } from '../../support/service.js';
import { waitFor } from '../../support/wait-for.js';

const CATCH_UP_DEADLINE_MS = 120_000;

export interface Reading {
  /** An existing slot. */
  readonly slot: string;
  readonly publications: readonly string[];
  /** Further WAL_* variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** What happens while the program runs, before the end is awaited; `streams` waits until it has confirmed the past. */
  readonly meanwhile?: (streams: () => Promise<void>) => Promise<void>;
}

/** The events on the standard output of the built program, from the slot's position up to all that is committed. */
export async function publishedToStdout(database: TestDatabase, reading: Reading): Promise<readonly string[]> {
  return run(database, reading, { WAL_PUBLISHER_TYPE: 'stdout' });
}

/** The same from a stream of a nats-server, in the stream's order. */
export async function publishedToNats(
  database: TestDatabase,
  nats: NatsServer,
  reading: Reading,
): Promise<readonly string[]> {
  const stream = 'conformance';
  await run(database, reading, {
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: nats.url,
    WAL_PUBLISHER_TOPIC: stream,
  });
  const bodies: string[] = [];
  const connection = await connect({ servers: nats.url, timeout: 10_000 });
  try {
    const { state } = await (await connection.jetstreamManager()).streams.info(stream);
    const consumer = await connection.jetstream().consumers.get(stream);
    for await (const message of await consumer.consume({ max_messages: 500 })) {
      bodies.push(message.string());
      if (message.seq >= state.last_seq) break;
    }
  } finally {
    await connection.close();
  }
  return bodies;
}

async function run(
  database: TestDatabase,
  reading: Reading,
  publisher: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { slot, publications, env, meanwhile } = reading;
  await using child = startService({
    ...databaseVariables(database),
    WAL_LISTENER_SLOT_NAME: slot,
    WAL_LISTENER_PUBLICATION: publications.join(),
    ...publisher,
    ...env,
  });
  const client = await database.client();
  try {
    const caughtUp = () => confirmed(client, slot, child);
    await meanwhile?.(caughtUp);
    await caughtUp();
  } finally {
    await client.end();
  }
  await child.terminate();
  return child.stdout.filter((line) => publisher['WAL_PUBLISHER_TYPE'] === 'stdout' && line !== '');
}

/** Waits until the slot has confirmed all that is committed now. */
async function confirmed(client: pg.Client, slot: string, child: Child): Promise<void> {
  const lastWords = () => child.stderr.slice(-20).join('\n');
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  const end = rows[0]?.lsn ?? '';
  const outcome = await waitFor(
    async () => {
      if (!child.running) return 'ended';
      const { rowCount } = await client.query(
        'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::pg_lsn',
        [slot, end],
      );
      return rowCount === 1 ? 'confirmed' : undefined;
    },
    {
      deadlineMs: CATCH_UP_DEADLINE_MS,
      intervalMs: 50,
      what: () => `slot ${slot} to reach ${end}\n${lastWords()}`,
    },
  );
  if (outcome === 'ended') throw new Error(`the program ended:\n${lastWords()}`);
}
