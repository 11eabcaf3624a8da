import { AppError } from '#lib/kernel';
import type { BatchOutcome } from './kafka-ports.js';
import { mapProtocolError } from './map-kafka-error.js';
import { KAFKA_ERROR, kafkaErrorName } from './protocol-errors.js';

/** Why sending stopped. */
export type SendFailure =
  /** A partition would not take a batch for now. */
  | { readonly kind: 'refused'; readonly error: AppError }
  /** The connection broke, or answers stay away. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** Nothing is wrong with the broker: something has to be sent in another way. */
  | { readonly kind: 'again' };

/** A record that the server does not take, and what it says of it. */
export interface InvalidRecord {
  /** Its place in the batch. */
  readonly index: number;
  readonly reason: string;
}

/** A batch that the server refused for its size, or for what is in it. */
export interface BatchRefusal {
  readonly topic: string;
  /** Of its first event. */
  readonly seq: number;
  /** Of its last event. */
  readonly lastSeq: number;
  readonly events: number;
  /** Of the whole batch, as it was sent. */
  readonly bytes: number;
  /** What is in it that the server does not take, by seq; empty = it does not say; undefined = it is the size. */
  readonly invalid: ReadonlyMap<number, string> | undefined;
}

/** The server does not take what is in the batch; `records` is empty when it does not say which of them. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly reason: string;
  readonly records: readonly InvalidRecord[];
}

/** What the answer to one batch means. */
export type Verdict =
  | { readonly kind: 'stored' }
  | { readonly kind: 'tooLarge' }
  | Invalid
  | { readonly kind: 'refused'; readonly error: AppError };

const STORED: Verdict = { kind: 'stored' };
const TOO_LARGE: Verdict = { kind: 'tooLarge' };

/** Pure. Whatever is not known to be permanent is retried for ever. */
export function judge(outcome: BatchOutcome): Verdict {
  const { topic, partition, errorCode, errorMessage } = outcome;
  const what = `a batch for topic "${topic}" (partition ${partition})`;
  switch (errorCode) {
    case KAFKA_ERROR.none:
    // The broker has exactly this batch already: it reached it twice.
    case KAFKA_ERROR.duplicateSequenceNumber:
      return STORED;
    case KAFKA_ERROR.messageTooLarge:
    case KAFKA_ERROR.recordListTooLarge:
      return TOO_LARGE;
    case KAFKA_ERROR.invalidRecord:
      return invalid(outcome);
    case KAFKA_ERROR.invalidProducerEpoch:
    case KAFKA_ERROR.producerFenced:
      return { kind: 'refused', error: otherWriter(what, errorCode, topic) };
    case KAFKA_ERROR.topicAuthorizationFailed:
      return {
        kind: 'refused',
        error: new AppError('BROKER_AUTH', `Kafka does not let this user write to topic "${topic}"`, {
          facts: { topic },
          remedy: aclRemedy(topic),
        }),
      };
    default:
      return { kind: 'refused', error: mapProtocolError(errorCode, what, errorMessage) };
  }
}

function invalid({ recordErrors = [], errorCode, errorMessage }: BatchOutcome): Invalid {
  const reason = errorMessage ?? `Kafka answers ${kafkaErrorName(errorCode)}`;
  return {
    kind: 'invalid',
    reason,
    records: recordErrors.map(({ index, message = reason }) => ({ index, reason: message })),
  };
}

function otherWriter(what: string, errorCode: number, topic: string): AppError {
  return new AppError('BROKER_OTHER_WRITER', `${what}: Kafka answers ${kafkaErrorName(errorCode)}`, {
    facts: { topic },
    remedy:
      'Another process publishes for the same slot and has shut this one out, which now waits for the slot. ' +
      'Installations that are not replicas of each other need slots or topics of their own.',
  });
}

/** The ACL that lets a user write to the topic. */
function aclRemedy(topic: string): string {
  const command = `kafka-acls.sh --add --allow-principal User:… --operation Write --operation Describe --topic '${topic}'`;
  return `Grant the user Write and Describe on the topic:\n${command}`;
}
