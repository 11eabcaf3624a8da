import type { Logger } from '#lib/kernel';
import { topicsMissing } from './map-pubsub-error.js';
import type { PubsubLink } from './pubsub-link.js';

/** Topics asked about at a time. */
const PARALLEL = 16;

interface TopicStates {
  readonly missing: readonly string[];
  /** Only those who may see topics are told whether they exist. */
  readonly unknown: readonly string[];
}

/** Asks which of the topics do not exist. @throws AppError BROKER_* */
export async function findTopics(link: PubsubLink, topics: readonly string[]): Promise<TopicStates> {
  const asked = [...new Set(topics)];
  const missing: string[] = [];
  const unknown: string[] = [];
  for (let i = 0; i < asked.length; i += PARALLEL) {
    const some = asked.slice(i, i + PARALLEL);
    const states = await Promise.all(some.map((topic) => link.topicState(topic)));
    for (const [n, topic] of some.entries()) {
      if (states[n] === 'missing') missing.push(topic);
      else if (states[n] === 'unknown') unknown.push(topic);
    }
  }
  return { missing, unknown };
}

/**
 * Makes sure that the topics exist, as far as that can be told.
 * @throws AppError SUBJECT_NOT_COVERED naming all that are missing, unless they are to be created
 */
export async function ensureTopics(
  link: PubsubLink,
  topics: readonly string[],
  settings: { readonly project: string; readonly createTopics: boolean; readonly logger: Logger },
): Promise<void> {
  const { project, createTopics, logger } = settings;
  const { missing, unknown } = await findTopics(link, topics);
  if (missing.length > 0 && !createTopics) throw topicsMissing(missing, project);
  for (const topic of missing) await createTopic(link, topic, logger);
  if (unknown.length === 0) return;
  logger.info('topics are not checked: the account lacks pubsub.topics.get (roles/pubsub.viewer)', {
    project,
    topics: unknown.length,
  });
}

/** Creates a topic unless it exists, and says so; whether it did. @throws AppError BROKER_* */
export async function createTopic(
  link: Pick<PubsubLink, 'createTopic'>,
  topic: string,
  logger: Logger,
): Promise<boolean> {
  if (!(await link.createTopic(topic))) return false;
  logger.info(`created topic ${topic} (publisher.pubsub.createTopics); it has no subscription yet`, { topic });
  return true;
}
