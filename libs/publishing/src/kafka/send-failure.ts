import { AppError, type ErrorCode } from '#lib/kernel';
import type { BatchOutcome } from './kafka-ports.js';

/** Why sending stopped. */
export type SendFailure =
  /** A partition would not take a batch for now. */
  | { readonly kind: 'refused'; readonly error: AppError }
  /** The connection broke, or answers stay away. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** Nothing is wrong with the broker: something has to be sent in another way. */
  | { readonly kind: 'again' };

/** A batch that the server refused for its size. */
export interface SizeRefusal {
  readonly topic: string;
  /** Of its first event. */
  readonly seq: number;
  readonly events: number;
  /** Of the whole batch, as it was sent. */
  readonly bytes: number;
}

/** What the answer to one batch means. */
export type Verdict =
  { readonly kind: 'stored' } | { readonly kind: 'tooLarge' } | { readonly kind: 'refused'; readonly error: AppError };

const STORED: Verdict = { kind: 'stored' };
const TOO_LARGE: Verdict = { kind: 'tooLarge' };

/** Error codes of a Produce response. Source: https://kafka.apache.org/protocol#protocol_error_codes */
const CODE = {
  messageTooLarge: 10,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  unsupportedForMessageFormat: 43,
  policyViolation: 44,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  transactionalIdAuthorizationFailed: 53,
  unsupportedCompression: 76,
  invalidRecord: 87,
  producerFenced: 90,
} as const;

/** Pure. Whatever is not known to be permanent is retried for ever. */
export function judge(outcome: BatchOutcome): Verdict {
  switch (outcome.errorCode) {
    case 0:
    // The broker has exactly this batch already: it reached it twice.
    case CODE.duplicateSequence:
      return STORED;
    case CODE.messageTooLarge:
    case CODE.recordListTooLarge:
      return TOO_LARGE;
    case CODE.topicAuthorizationFailed:
      return refusal('BROKER_AUTH', outcome, aclRemedy(outcome.topic));
    case CODE.clusterAuthorizationFailed:
      return refusal('BROKER_AUTH', outcome, 'Grant the user IdempotentWrite on the cluster.');
    case CODE.transactionalIdAuthorizationFailed:
      return refusal('BROKER_AUTH', outcome, 'Grant the user Write on the transactional id.');
    case CODE.invalidTopic:
    case CODE.unsupportedForMessageFormat:
    case CODE.unsupportedCompression:
      return refusal('BROKER_CONFIG', outcome, 'See publisher.topic, publisher.kafka.compression and the topic.');
    case CODE.invalidProducerEpoch:
    case CODE.producerFenced:
      return refusal('BROKER_OTHER_WRITER', outcome, OTHER_WRITER_REMEDY);
    case CODE.notEnoughReplicas:
    case CODE.notEnoughReplicasAfterAppend:
      return refusal('BROKER_REFUSED', outcome, 'Bring the replicas back, or lower min.insync.replicas of the topic.');
    case CODE.invalidTimestamp:
    case CODE.policyViolation:
    case CODE.invalidRecord:
      return refusal('BROKER_REFUSED', outcome, 'Retried for ever; see the reason, and the settings of the topic.');
    default:
      return refusal('BROKER_REFUSED', outcome);
  }
}

const OTHER_WRITER_REMEDY =
  'Another process publishes for the same slot and has shut this one out: this one waits for the slot. ' +
  'Two installations that are not replicas of each other need slots or topics of their own.';

function refusal(code: ErrorCode, outcome: BatchOutcome, remedy?: string): Verdict {
  const { topic, partition, errorCode } = outcome;
  const name = outcome.errorName ?? `error ${errorCode}`;
  const words = outcome.errorMessage === undefined ? '' : `: ${outcome.errorMessage}`;
  const message = `Kafka refused a batch for topic "${topic}" (partition ${partition}): ${name}${words}`;
  const facts = { topic, partition, kafkaError: name };
  return { kind: 'refused', error: new AppError(code, message, remedy === undefined ? { facts } : { facts, remedy }) };
}

/** The ACL that lets a user write to the topic, as a sentence. */
export function aclRemedy(topic: string): string {
  return `Grant the user Write and Describe on topic "${topic}" (kafka-acls.sh --add --allow-principal User:… --operation Write --operation Describe --topic '${topic}').`;
}
