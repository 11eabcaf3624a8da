import { type ConsumerMessages, nanos, StorageType } from 'nats';
import { startNats } from '../support/nats-server.js';
import type { LatencyTarget } from './latency.js';

const STREAM = 'bench';
const DUPLICATE_WINDOW_MS = 120_000;

/**
 * JetStream with file storage, read by a consumer of the stream: what it receives is stored and acknowledged, unlike what
 * a plain subscription sees.
 */
export async function openNatsTarget(): Promise<LatencyTarget> {
  const server = await startNats();
  const client = await server.client();
  const manager = await client.jetstreamManager();
  // As the service would create it; here before it, so that the consumer is there for the first event.
  await manager.streams.add({
    name: STREAM,
    subjects: [`${STREAM}.>`],
    storage: StorageType.File,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  });
  let messages: ConsumerMessages | undefined;
  return {
    name: 'NATS',
    env: { WAL_PUBLISHER_TYPE: 'nats', WAL_PUBLISHER_ADDRESS: server.address, WAL_PUBLISHER_TOPIC: STREAM },
    async subscribe(onEvent) {
      const consumer = await client.jetstream().consumers.get(STREAM);
      messages = await consumer.consume({ callback: (message) => onEvent(message.string()) });
    },
    async [Symbol.asyncDispose]() {
      await messages?.close();
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
