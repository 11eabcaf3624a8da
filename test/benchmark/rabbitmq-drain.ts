import { startRabbitmq } from '../support/rabbitmq-server.js';
import { type BrokerTarget, brokerContenders } from './broker-drain.js';

const EXCHANGE = 'bench';
const ROUTING_KEY = `${EXCHANGE}.public_things`;

/** One RabbitMQ node with a durable queue of either type; a fraction of the rows, since it is slower than the others. */
export const rabbitmqContenders = (['classic', 'quorum'] as const).flatMap((type) =>
  brokerContenders({
    name: `RabbitMQ ${type}`,
    loop: 'rabbitmq-loop.js',
    open: () => openRabbitmq(type),
    part: 'tail',
  }),
);

async function openRabbitmq(type: 'classic' | 'quorum'): Promise<BrokerTarget> {
  const server = await startRabbitmq();
  const client = await server.client();
  const channel = await client.createChannel();
  await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
  await channel.assertQueue(ROUTING_KEY, { durable: true, arguments: { 'x-queue-type': type } });
  await channel.bindQueue(ROUTING_KEY, EXCHANGE, ROUTING_KEY);
  return {
    env: { WAL_PUBLISHER_TYPE: 'rabbitmq', WAL_PUBLISHER_ADDRESS: server.address, WAL_PUBLISHER_TOPIC: EXCHANGE },
    loopArgs: [server.address, EXCHANGE, ROUTING_KEY],
    count: async () => (await channel.checkQueue(ROUTING_KEY)).messageCount,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
