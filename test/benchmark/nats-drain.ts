import { startNats } from '../support/nats-server.js';
import { type BrokerTarget, brokerContenders } from './broker-drain.js';

const STREAM = 'bench';

/** JetStream, file storage; service and loop create the stream. */
export const natsContenders = brokerContenders({ name: 'NATS', loop: 'nats-loop.js', open: openNats });

/** A fresh JetStream. */
export async function openNats(): Promise<BrokerTarget> {
  const server = await startNats();
  return {
    env: { WAL_PUBLISHER_TYPE: 'nats', WAL_PUBLISHER_ADDRESS: server.address, WAL_PUBLISHER_TOPIC: STREAM },
    loopArgs: [server.address, STREAM, `${STREAM}.public_things`],
    async count() {
      const client = await server.client({ timeout: 10_000 });
      try {
        const manager = await client.jetstreamManager();
        return (await manager.streams.info(STREAM)).state.messages;
      } finally {
        await client.close();
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
