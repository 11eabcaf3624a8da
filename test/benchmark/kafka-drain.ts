import { startKafka } from '../support/kafka-server.js';
import { type BrokerTarget, brokerContenders } from './broker-drain.js';

const TOPIC = 'bench';
const EVENT_TOPIC = `${TOPIC}.public_things`;
const PARTITIONS = 4;

/** One Kafka node, four partitions, acks=all. */
export const kafkaContenders = brokerContenders({ name: 'Kafka', loop: 'kafka-loop.js', open: openKafka });

async function openKafka(): Promise<BrokerTarget> {
  const server = await startKafka({ benchmark: true });
  await server.createTopic(EVENT_TOPIC, PARTITIONS);
  return {
    env: { WAL_PUBLISHER_TYPE: 'kafka', WAL_PUBLISHER_ADDRESS: server.address, WAL_PUBLISHER_TOPIC: TOPIC },
    loopArgs: [server.address, EVENT_TOPIC],
    async count() {
      const offsets = await server.admin((admin) => admin.fetchTopicOffsets(EVENT_TOPIC));
      return offsets.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
