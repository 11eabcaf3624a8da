import { join } from 'node:path';
import { Child } from '../support/child-process.js';
import { type NatsServer, startNats } from '../support/nats-server.js';
import type { Contender } from './drain.js';
import { eventFile } from './event-file.js';
import { serviceContender } from './service-drain.js';

const DEADLINE_MS = 600_000;
const STREAM = 'bench';
const LOOP = 'bare nats loop';

/** The program publishing to JetStream, file storage, everything else as it comes by default. */
export const natsService: Contender = serviceContender(
  'wal-listener → NATS',
  async () => {
    const server = await startNats();
    return {
      env: { WAL_PUBLISHER_TYPE: 'nats', WAL_PUBLISHER_ADDRESS: server.address, WAL_PUBLISHER_TOPIC: STREAM },
      count: () => storedMessages(server),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  { comparedWith: LOOP },
);

/** The same events published from memory; see nats-loop.ts. It takes nothing from the slot. */
export const natsLoop: Contender = {
  name: LOOP,
  async drain(backlog) {
    const file = await eventFile(backlog);
    await using server = await startNats();
    await using loop = Child.start(process.execPath, {
      args: [join(import.meta.dirname, 'nats-loop.js'), server.address, STREAM, `${STREAM}.public_things`, file],
    });
    const { code } = await loop.waitForExit(DEADLINE_MS);
    if (code !== 0) throw new Error(`the loop failed:${loop.lastOutput()}`);
    const result = JSON.parse(loop.stdout.join('')) as { readonly seconds: number; readonly cpuSeconds: number };
    const stored = await storedMessages(server);
    if (stored !== backlog.size.rows) throw new Error(`${String(stored)} messages of ${String(backlog.size.rows)}`);
    // Its memory is that of the messages it was given.
    return { ...result, peakRssBytes: undefined };
  },
};

async function storedMessages(server: NatsServer): Promise<number> {
  const client = await server.client({ timeout: 10_000 });
  try {
    const manager = await client.jetstreamManager();
    return (await manager.streams.info(STREAM)).state.messages;
  } finally {
    await client.close();
  }
}
