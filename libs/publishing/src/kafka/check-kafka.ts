import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import type { BrokerFinding } from '../publisher.js';
import { deadLetterName } from '../topic-name.js';
import type { KafkaClient } from './kafka-ports.js';
import { kafkaTopicName } from './topic-name.js';
import { missingTopics } from './topic-setup.js';
import { weaknesses } from './weaknesses.js';

const TOPIC_REMEDY =
  'Three replicas and min.insync.replicas=2 survive the loss of a broker (kafka-configs.sh --alter --entity-type topics).';

/**
 * What stands in the way of publishing, or weakens acknowledgements; creates and changes nothing, and takes no producer
 * id, which would shut a running publisher out.
 * @throws AppError when Kafka cannot be asked
 */
export async function checkKafka(
  client: KafkaClient,
  publisher: PublisherConfig,
  signal: AbortSignal,
): Promise<readonly BrokerFinding[]> {
  try {
    await client.connect(signal);
    return await findings(client, publisher);
  } catch (error) {
    if (!(error instanceof AppError) || error.retriable) throw error;
    return [{ severity: 'error', code: error.code, message: error.message, remedy: error.remedy }];
  } finally {
    client.close();
  }
}

async function findings(client: KafkaClient, publisher: PublisherConfig): Promise<readonly BrokerFinding[]> {
  const found: BrokerFinding[] = [];
  const ours = (await client.topicNames()).filter((name) => name.startsWith(kafkaTopicName(`${publisher.topic}.`)));
  const deadLetters = kafkaTopicName(deadLetterName(publisher));
  if (publisher.onPoison === 'deadLetter' && !publisher.kafka.autoCreateTopics && !ours.includes(deadLetters)) {
    const { code, message, remedy } = missingTopics([deadLetters], publisher);
    found.push({ severity: 'error', code, message, remedy });
  }
  const layouts = await client.layout(ours);
  const settings = await client.topicSettings(ours);
  const said = new Set<string>();
  for (const name of ours) {
    const layout = layouts.get(name);
    const known = settings.get(name);
    if (layout === undefined || known === undefined) continue;
    for (const { kind, message } of weaknesses(known, layout)) {
      if (said.has(kind)) continue;
      said.add(kind);
      found.push({ severity: 'warning', code: 'BROKER_CONFIG', message, remedy: TOPIC_REMEDY });
    }
  }
  return found;
}
