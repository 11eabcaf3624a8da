import { connect } from 'nats';
import { TOPIC } from '../../e2e/support/broker-under-test.js';

/** A stored event: its id, and its place in the WAL. */
export interface StoredPlace {
  readonly id: string;
  /** `LSN/ordinal` */
  readonly place: string;
}

/** What the stream holds, from its beginning. */
export async function storedPlaces(address: string): Promise<readonly StoredPlace[]> {
  const connection = await connect({ servers: address, timeout: 10_000 });
  try {
    const { state } = await (await connection.jetstreamManager()).streams.info(TOPIC);
    const stored: StoredPlace[] = [];
    if (state.messages === 0) return stored;
    const consumer = await connection.jetstream().consumers.get(TOPIC);
    for await (const message of await consumer.consume({ max_messages: 2000 })) {
      const header = (name: string) => message.headers?.get(name) ?? '';
      stored.push({ id: header('Nats-Msg-Id'), place: `${header('Wal-Lsn')}/${header('Wal-Ordinal')}` });
      if (message.seq >= state.last_seq) break;
    }
    return stored;
  } finally {
    await connection.close();
  }
}
