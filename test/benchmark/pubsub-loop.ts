import { PubSub, type Topic } from '@google-cloud/pubsub';
import { idOf, measureLoop, pipeline, readEvents } from './bare-loop.js';

const MAX_UNANSWERED = 16_384;
const ORDERING_KEYS = 256;

/**
 * The least a program can do that publishes in order with this client: messages that lie in memory, each with its id and
 * one of 256 ordering keys, batched by the client, every answer awaited.
 *
 * Arguments: a file with one event a line, how many of its last lines, address, project, topic.
 */
async function main([file = '', rows = '', address = '', projectId = '', name = '']: readonly string[]) {
  const events = readEvents(file, Number(rows));
  const pubsub = new PubSub({ projectId, apiEndpoint: address });
  const topic = pubsub.topic(name, {
    messageOrdering: true,
    batching: { maxMessages: 1000, maxMilliseconds: 10, maxBytes: 9 * 1024 * 1024 },
  });
  await measureLoop(() => publishAll(topic, events));
  await pubsub.close();
}

function publishAll(topic: Topic, events: readonly Buffer[]): Promise<void> {
  return pipeline(events, MAX_UNANSWERED, (data, index, answered) => {
    const orderingKey = String(index % ORDERING_KEYS);
    topic.publishMessage({ data, orderingKey, attributes: { id: idOf(data) } }, answered);
  });
}

await main(process.argv.slice(2));
