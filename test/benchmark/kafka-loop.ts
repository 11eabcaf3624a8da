import { CompressionTypes, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { idOf, measureLoop, readEvents } from './bare-loop.js';

const MESSAGES_IN_BATCH = 1000;
const BATCHES_IN_FLIGHT = 4;

/**
 * The least a program can do that publishes durably with this client: messages that lie in memory, each with key and id,
 * in batches, several of them under way, acknowledged by all replicas.
 *
 * Arguments: a file with one event a line, how many of its last lines, address, topic.
 */
async function main([file = '', rows = '', address = '', topic = '']: readonly string[]): Promise<void> {
  const events = readEvents(file, Number(rows));
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await measureLoop(() => publishAll(producer, topic, events));
  await producer.disconnect();
}

async function publishAll(producer: Producer, topic: string, events: readonly Buffer[]): Promise<void> {
  let next = 0;
  const sendInTurn = async () => {
    while (next < events.length) {
      const from = next;
      next += MESSAGES_IN_BATCH;
      const messages = events.slice(from, next).map((value, i) => ({
        key: String(from + i),
        value,
        headers: { id: idOf(value) },
      }));
      await producer.sendBatch({ acks: -1, compression: CompressionTypes.None, topicMessages: [{ topic, messages }] });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, sendInTurn));
}

await main(process.argv.slice(2));
