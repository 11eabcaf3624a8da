import { connect } from 'nats';
import type { Ledger } from './ledger.js';

/** Reads a whole stream, from its first message to the last one stored when it begins, as a consumer of its own. */
export async function readStream(address: string, stream: string, ledger: Ledger): Promise<void> {
  const connection = await connect({ servers: address, timeout: 10_000 });
  try {
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    if (state.messages === 0) return;
    const consumer = await connection.jetstream().consumers.get(stream);
    const messages = await consumer.consume({ max_messages: 2000 });
    for await (const message of messages) {
      const id = message.headers?.get('Nats-Msg-Id') ?? '';
      const body = message.string();
      if (!body.startsWith(`{"id":"${id}"`)) ledger.faults.push(`header ${id} on ${body.slice(0, 80)}`);
      ledger.add(body);
      if (message.seq >= state.last_seq) break;
    }
  } finally {
    await connection.close();
  }
}
