import type { PublisherConfig } from '#lib/config';
import { AppError, type Logger } from '#lib/kernel';
import { shellQuote } from '../shell-quote.js';
import { JS_ERROR, mapApiError } from './map-nats-error.js';
import type { StreamConfig, StreamInfo, StreamReader } from './stream-facts.js';
import { isCovered, streamName, subjectName } from './subject-name.js';

const NANOS_PER_MS = 1_000_000;

/**
 * Finds the stream of `publisher.topic`, or another one that stores the topic's subjects, or creates it. An existing
 * stream is never altered.
 *
 * @throws AppError BROKER_CONFIG when the stream cannot serve or be created; others are retriable
 */
export async function ensureStream(
  reader: StreamReader,
  publisher: PublisherConfig,
  logger: Logger,
): Promise<StreamInfo> {
  const found = await findStream(reader, publisher);
  if (found !== undefined) {
    const { name } = found.config;
    logger.info(`stream "${name}" is used as it is`, { stream: name, subjects: found.config.subjects });
    for (const warning of weaknesses(found)) logger.warn(warning, { stream: name });
    return found;
  }
  const config = newStreamConfig(publisher);
  const { name } = config;
  const error = await reader.create(config);
  // Another instance may have been faster: then its stream is taken as it is.
  const info = error === undefined || error.err_code === JS_ERROR.streamNameInUse ? await reader.info(name) : undefined;
  if (info !== undefined) {
    logger.info(`stream "${name}" created`, { stream: name, subjects: config.subjects });
    return info;
  }
  throw mapApiError(error ?? { code: 503, description: 'not there after it was created' }, `creating stream "${name}"`);
}

/**
 * The stream that stores the topic's subjects; undefined when there is none and it is to be created.
 * @throws AppError BROKER_CONFIG when it can never acknowledge, or the subjects are spread over several
 */
export async function findStream(reader: StreamReader, publisher: PublisherConfig): Promise<StreamInfo | undefined> {
  const found = (await reader.info(streamName(publisher.topic))) ?? (await findBySubject(reader, publisher));
  if (found !== undefined) checkUsable(found.config);
  return found;
}

async function findBySubject(reader: StreamReader, publisher: PublisherConfig): Promise<StreamInfo | undefined> {
  const subject = `${subjectName(publisher.topic)}.>`;
  const names = await reader.namesBySubject(subject);
  const [name, ...others] = names;
  if (name === undefined) return undefined;
  if (others.length > 0) {
    const list = names.map((one) => `"${one}"`).join(', ');
    throw new AppError('BROKER_CONFIG', `the subjects "${subject}" are spread over the streams ${list}`, {
      remedy: 'wal-listener keeps the order within one stream: let one stream store all subjects of publisher.topic.',
    });
  }
  return reader.info(name);
}

/** Refuses a stream that can never acknowledge. */
function checkUsable(config: StreamConfig): void {
  const { name } = config;
  const problem = config.no_ack
    ? 'does not acknowledge (no_ack), so nothing would ever count as delivered'
    : config.sealed
      ? 'is sealed and takes no messages'
      : config.mirror !== undefined && config.mirror !== null
        ? 'is a mirror and takes no messages'
        : undefined;
  if (problem === undefined) return;
  throw new AppError('BROKER_CONFIG', `stream "${name}" ${problem}`, {
    facts: { stream: name },
    remedy: 'Use another stream (publisher.topic) or change this one.',
  });
}

/** What makes an acknowledgement worth less than it seems, one sentence each. */
export function weaknesses(info: StreamInfo): readonly string[] {
  const { config, state } = info;
  const { name } = config;
  const found: string[] = [];
  if (config.retention === 'interest' && state.consumer_count === 0) {
    found.push(`stream "${name}" has interest retention and no consumer: events are acknowledged and dropped at once`);
  }
  const limited = (config.max_msgs ?? 0) > 0 || (config.max_bytes ?? 0) > 0 || (config.max_msgs_per_subject ?? 0) > 0;
  if (limited && config.discard !== 'new') {
    found.push(`stream "${name}" discards old messages at its limits: unread events may be dropped`);
  }
  if (config.storage === 'memory')
    found.push(`stream "${name}" keeps messages in memory: a restart of NATS loses them`);
  return found;
}

/** Refuses rather than drops at its size limit, so that nothing acknowledged is lost unread. */
function newStreamConfig(publisher: PublisherConfig): StreamConfig {
  const { storage, replicas, maxAgeMs, maxBytes, duplicateWindowMs } = publisher.nats;
  // The server takes no window longer than the age limit.
  const windowMs = maxAgeMs > 0 ? Math.min(duplicateWindowMs, maxAgeMs) : duplicateWindowMs;
  return {
    name: streamName(publisher.topic),
    subjects: [`${subjectName(publisher.topic)}.>`],
    retention: 'limits',
    storage,
    num_replicas: replicas,
    max_age: maxAgeMs * NANOS_PER_MS,
    max_bytes: maxBytes > 0 ? maxBytes : -1,
    discard: maxBytes > 0 ? 'new' : 'old',
    duplicate_window: windowMs * NANOS_PER_MS,
  };
}

/** The error for subjects that the stream does not store, all at once, with the command that mends it. */
export function notCovered(config: StreamConfig, subjects: readonly string[]): AppError {
  const { name } = config;
  const list = subjects.map((subject) => `"${subject}"`).join(', ');
  const wanted = [...(config.subjects ?? []), ...subjects].join(',');
  return new AppError('SUBJECT_NOT_COVERED', `stream "${name}" does not store ${list}`, {
    facts: { stream: name },
    remedy: `nats stream edit ${shellQuote(name)} --subjects=${shellQuote(wanted)}`,
  });
}

/** The subjects that the stream does not store, each once. */
export function uncovered(config: StreamConfig, subjects: readonly string[]): readonly string[] {
  const patterns = config.subjects ?? [];
  return [...new Set(subjects)].filter((subject) => !isCovered(subject, patterns));
}
