import { AppError } from '#lib/kernel';
import type { NewTopic, ProducerIdentity, TopicLayout, TopicSettings } from '../kafka-ports.js';
import { mapProtocolError } from '../map-kafka-error.js';
import { KAFKA_ERROR } from '../protocol-errors.js';
import type { BrokerSession } from './broker-session.js';
import type { BrokerAddress } from './connect-options.js';
import type { Metadata } from './kafkajs-internals.js';

const REQUEST_TIMEOUT_MS = 5_000;
/** Making a topic's files on all replicas. */
const CREATE_TIMEOUT_MS = 10_000;
/** No transaction is ever begun: less than any limit (transaction.max.timeout.ms) that a broker may have. */
const TRANSACTION_TIMEOUT_MS = 1_000;
const TRANSACTION_COORDINATOR = 1;
const TOPIC_RESOURCE = 2;
const BY_DEFAULT = -1;
/** An empty list and `allow_auto_topic_creation` false. kafkajs would write the list as null, which means all topics. */
const NO_TOPICS = Buffer.alloc(5);

/** Asks for the cluster's nodes and for these topics; none are created. */
export function askMetadata(session: BrokerSession, topics: readonly string[]): Promise<Metadata> {
  const options = { topics, allowAutoTopicCreation: false } as const;
  return session.ask('Metadata', options, REQUEST_TIMEOUT_MS, topics.length === 0 ? NO_TOPICS : undefined);
}

/** Names of all topics that the user may see. */
export async function askTopicNames(session: BrokerSession): Promise<readonly string[]> {
  // kafkajs writes an empty list as null, which means all.
  const options = { topics: [], allowAutoTopicCreation: false } as const;
  const { topicMetadata } = await session.ask('Metadata', options, REQUEST_TIMEOUT_MS);
  return topicMetadata.map(({ topic }) => topic);
}

/** @throws AppError BROKER_AUTH and others, naming the topic that may not be seen */
export function layoutsOf(metadata: Metadata): ReadonlyMap<string, TopicLayout | undefined> {
  const layouts = new Map<string, TopicLayout | undefined>();
  for (const { topic, topicErrorCode, partitionMetadata } of metadata.topicMetadata) {
    if (topicErrorCode === KAFKA_ERROR.unknownTopicOrPartition) {
      layouts.set(topic, undefined);
    } else if (topicErrorCode === KAFKA_ERROR.none || topicErrorCode === KAFKA_ERROR.leaderNotAvailable) {
      const partitions = partitionMetadata.toSorted((a, b) => a.partitionId - b.partitionId);
      const leaders = partitions.map(({ leader }) => leader);
      layouts.set(topic, { name: topic, leaders, replicas: partitions.map(({ replicas }) => replicas.length) });
    } else {
      throw mapProtocolError(topicErrorCode, `topic "${topic}"`);
    }
  }
  return layouts;
}

/** Which broker looks after a transactional id. @throws AppError */
export async function findCoordinator(session: BrokerSession, transactionalId: string): Promise<BrokerAddress> {
  const what = { groupId: transactionalId, coordinatorType: TRANSACTION_COORDINATOR };
  const answer = await session.ask('GroupCoordinator', what, REQUEST_TIMEOUT_MS);
  if (answer.errorCode !== KAFKA_ERROR.none) {
    throw mapProtocolError(answer.errorCode, `transactional id "${transactionalId}"`, answer.errorMessage);
  }
  const { host, port } = answer.coordinator;
  return { host, port };
}

/** @throws AppError */
export async function initProducerId(
  session: BrokerSession,
  transactionalId: string | undefined,
): Promise<ProducerIdentity> {
  const options = { transactionalId, transactionTimeout: TRANSACTION_TIMEOUT_MS };
  const answer = await session.ask('InitProducerId', options, REQUEST_TIMEOUT_MS);
  if (answer.errorCode !== KAFKA_ERROR.none) {
    const what = transactionalId === undefined ? 'a producer id' : `transactional id "${transactionalId}"`;
    throw mapProtocolError(answer.errorCode, what);
  }
  return { id: BigInt(answer.producerId), epoch: answer.producerEpoch };
}

const SETTING_NAMES = [
  'max.message.bytes',
  'min.insync.replicas',
  'cleanup.policy',
  'message.timestamp.type',
  'unclean.leader.election.enable',
];

/** Settings of the topics that exist and may be seen, and whose limit is told. @throws AppError */
export async function describeTopics(
  session: BrokerSession,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicSettings>> {
  if (topics.length === 0) return new Map();
  const resources = topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: SETTING_NAMES }));
  const answer = await session.ask('DescribeConfigs', { resources, includeSynonyms: false }, REQUEST_TIMEOUT_MS);
  const settings = new Map<string, TopicSettings>();
  for (const { errorCode, resourceName, configEntries } of answer.resources) {
    if (errorCode !== KAFKA_ERROR.none) continue;
    const value = (name: string) => configEntries.find(({ configName }) => configName === name)?.configValue ?? '';
    const maxMessageBytes = Number(value('max.message.bytes'));
    // Not every server of the protocol tells; 0 would make every message too large.
    if (!Number.isSafeInteger(maxMessageBytes) || maxMessageBytes <= 0) continue;
    settings.set(resourceName, {
      maxMessageBytes,
      minInsyncReplicas: Number(value('min.insync.replicas')),
      cleanupPolicy: value('cleanup.policy'),
      timestampType: value('message.timestamp.type'),
      uncleanLeaderElection: value('unclean.leader.election.enable') === 'true',
    });
  }
  return settings;
}

/** @throws AppError naming the first topic that could not be created */
export async function createMissingTopics(session: BrokerSession, topics: readonly NewTopic[]): Promise<void> {
  const wanted = topics.map(({ name, partitions = BY_DEFAULT, replicationFactor = BY_DEFAULT }) => ({
    topic: name,
    numPartitions: partitions,
    replicationFactor,
  }));
  const options = { topics: wanted, timeout: CREATE_TIMEOUT_MS, validateOnly: false } as const;
  const answer = await session.ask('CreateTopics', options, CREATE_TIMEOUT_MS + REQUEST_TIMEOUT_MS);
  for (const { topic, errorCode, errorMessage } of answer.topicErrors) {
    if (errorCode === KAFKA_ERROR.none || errorCode === KAFKA_ERROR.topicAlreadyExists) continue;
    throw mapProtocolError(errorCode, `creating topic "${topic}"`, errorMessage);
  }
}

/** Whether the same question may get another answer in a moment: the coordinator is being found, or is busy. */
export function isCoordinatorBusy(error: unknown): boolean {
  const code = error instanceof AppError ? error.facts['kafkaErrorCode'] : undefined;
  return typeof code === 'number' && COORDINATOR_BUSY.has(code);
}

const COORDINATOR_BUSY: ReadonlySet<number> = new Set([
  KAFKA_ERROR.coordinatorLoadInProgress,
  KAFKA_ERROR.coordinatorNotAvailable,
  KAFKA_ERROR.notCoordinator,
  KAFKA_ERROR.concurrentTransactions,
]);
