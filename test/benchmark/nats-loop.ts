import { connect, createInbox, headers, type NatsConnection, nanos, StorageType } from 'nats';
import { idOf, measureLoop, pipeline, readEvents } from './bare-loop.js';

/** As the service does by default. */
const MAX_UNANSWERED = 4096;
const DUPLICATE_WINDOW_MS = 120_000;

/**
 * The least a program can do that publishes durably with this client: messages that lie in memory, each with its id,
 * pipelined, every acknowledgement awaited. It uses the client as documented: headers by headers(), replies on one
 * inbox, which is several times faster than a request for each message (jetstream().publish).
 *
 * Arguments: a file with one event a line, how many of its last lines, address, stream, subject.
 */
async function main([file = '', rows = '', address = '', stream = '', subject = '']: readonly string[]): Promise<void> {
  const events = readEvents(file, Number(rows));
  const connection = await connect({ servers: address, noAsyncTraces: true });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({
    name: stream,
    subjects: [`${stream}.>`],
    storage: StorageType.File,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  });
  await measureLoop(() => publishAll(connection, subject, events));
  await connection.close();
}

function publishAll(connection: NatsConnection, subject: string, events: readonly Buffer[]): Promise<void> {
  const reply = createInbox();
  // JetStream answers in the order of the messages.
  const unanswered: ((error: unknown) => void)[] = [];
  let oldest = 0;
  connection.subscribe(reply, {
    callback: (error, message) => {
      const answer = message.json<{ readonly seq?: number; readonly duplicate?: boolean }>();
      const stored = error === null && answer.seq !== undefined && answer.duplicate !== true;
      const answered = unanswered[oldest];
      oldest += 1;
      answered?.(stored ? undefined : new Error(`not stored: ${error?.message ?? JSON.stringify(answer)}`));
    },
  });
  return pipeline(events, MAX_UNANSWERED, (event, _, answered) => {
    const meta = headers();
    meta.set('Nats-Msg-Id', idOf(event));
    unanswered.push(answered);
    connection.publish(subject, event, { headers: meta, reply });
  });
}

await main(process.argv.slice(2));
