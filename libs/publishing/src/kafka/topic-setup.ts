import type { PublisherConfig } from '#lib/config';
import { AppError, sleep } from '#lib/kernel';
import type { KafkaClient, TopicLayout } from './kafka-ports.js';

/** A broker that has just started, or a topic that has just been created, is not known everywhere at once. */
const ASKS = 8;
const ASK_PAUSE_MS = 150;

/**
 * The layouts of topics, all of which exist then: missing ones are created when `autoCreateTopics` allows it.
 * @throws AppError BROKER_CONFIG listing all that are missing, BROKER_REFUSED while a new one has no leaders yet
 */
export async function ensureTopics(
  client: KafkaClient,
  publisher: PublisherConfig,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly TopicLayout[]> {
  let created = false;
  for (let ask = 1; ; ask++) {
    const layouts = await client.layout(names);
    const found = names.map((name) => layouts.get(name)).filter((layout) => layout !== undefined);
    const missing = names.filter((name) => layouts.get(name) === undefined);
    if (missing.length === 0 && (!created || found.every(hasLeaders))) return found;
    if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', 'asking for topics was aborted');
    const { autoCreateTopics, partitions, replicationFactor } = publisher.kafka;
    if (missing.length > 0 && autoCreateTopics && !created) {
      await client.createTopics(missing.map((name) => ({ name, partitions, replicationFactor })));
      created = true;
      continue;
    }
    if (ask >= ASKS) {
      if (!created) throw missingTopics(missing, publisher);
      throw new AppError('BROKER_REFUSED', `topic "${missing[0] ?? names[0]}" was created and has no leader yet`);
    }
    await sleep(ASK_PAUSE_MS, signal);
  }
}

const hasLeaders = ({ leaders }: TopicLayout) => leaders.length > 0 && leaders.every((leader) => leader >= 0);

/** The error that names them, and the commands that create them. */
export function missingTopics(names: readonly string[], publisher: PublisherConfig): AppError {
  const { partitions, replicationFactor } = publisher.kafka;
  const options =
    (partitions === undefined ? '' : ` --partitions ${partitions}`) +
    (replicationFactor === undefined ? '' : ` --replication-factor ${replicationFactor}`);
  const server = publisher.addresses[0] ?? 'localhost:9092';
  const list = names.map((name) => `"${name}"`).join(', ');
  const commands = names.map(
    (name) => `kafka-topics.sh --bootstrap-server ${server} --create --topic '${name}'${options}`,
  );
  return new AppError('BROKER_CONFIG', `Kafka has no topic ${list} (or the user may not see it)`, {
    facts: { topics: names.join(', ') },
    remedy: ['Set publisher.kafka.autoCreateTopics: true, or create:', ...commands].join('\n'),
  });
}
