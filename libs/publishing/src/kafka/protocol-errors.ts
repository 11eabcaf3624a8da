import type { ErrorCode } from '#lib/kernel';

/** Names of the protocol's error codes that are handled apart. https://kafka.apache.org/protocol#protocol_error_codes */
export const KAFKA_ERROR = {
  none: 0,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  messageTooLarge: 10,
  coordinatorLoadInProgress: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  topicAuthorizationFailed: 29,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  notController: 41,
  outOfOrderSequenceNumber: 45,
  duplicateSequenceNumber: 46,
  invalidProducerEpoch: 47,
  invalidProducerIdMapping: 49,
  concurrentTransactions: 51,
  saslAuthenticationFailed: 58,
  unknownProducerId: 59,
  invalidRecord: 87,
  producerFenced: 90,
} as const;

type Entry = readonly [name: string, code: ErrorCode];

/** What a producer may meet. Whatever is not listed is worth another attempt. */
const ERRORS: ReadonlyMap<number, Entry> = new Map<number, Entry>([
  [-1, ['UNKNOWN_SERVER_ERROR', 'BROKER_REFUSED']],
  [2, ['CORRUPT_MESSAGE', 'BROKER_REFUSED']],
  [3, ['UNKNOWN_TOPIC_OR_PARTITION', 'BROKER_REFUSED']],
  [5, ['LEADER_NOT_AVAILABLE', 'BROKER_REFUSED']],
  [6, ['NOT_LEADER_OR_FOLLOWER', 'BROKER_REFUSED']],
  [7, ['REQUEST_TIMED_OUT', 'BROKER_TIMEOUT']],
  [8, ['BROKER_NOT_AVAILABLE', 'BROKER_REFUSED']],
  [9, ['REPLICA_NOT_AVAILABLE', 'BROKER_REFUSED']],
  [10, ['MESSAGE_TOO_LARGE', 'BROKER_REFUSED']],
  [13, ['NETWORK_EXCEPTION', 'BROKER_REFUSED']],
  [14, ['COORDINATOR_LOAD_IN_PROGRESS', 'BROKER_REFUSED']],
  [15, ['COORDINATOR_NOT_AVAILABLE', 'BROKER_REFUSED']],
  [16, ['NOT_COORDINATOR', 'BROKER_REFUSED']],
  [17, ['INVALID_TOPIC_EXCEPTION', 'BROKER_CONFIG']],
  [18, ['RECORD_LIST_TOO_LARGE', 'BROKER_REFUSED']],
  [19, ['NOT_ENOUGH_REPLICAS', 'BROKER_REFUSED']],
  [20, ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'BROKER_REFUSED']],
  [29, ['TOPIC_AUTHORIZATION_FAILED', 'BROKER_AUTH']],
  [31, ['CLUSTER_AUTHORIZATION_FAILED', 'BROKER_AUTH']],
  [32, ['INVALID_TIMESTAMP', 'BROKER_CONFIG']],
  [33, ['UNSUPPORTED_SASL_MECHANISM', 'BROKER_AUTH']],
  [34, ['ILLEGAL_SASL_STATE', 'BROKER_AUTH']],
  [35, ['UNSUPPORTED_VERSION', 'BROKER_CONFIG']],
  [36, ['TOPIC_ALREADY_EXISTS', 'BROKER_CONFIG']],
  [37, ['INVALID_PARTITIONS', 'BROKER_CONFIG']],
  // Also while brokers restart: those that are not in service count as missing.
  [38, ['INVALID_REPLICATION_FACTOR', 'BROKER_REFUSED']],
  [40, ['INVALID_CONFIG', 'BROKER_CONFIG']],
  [41, ['NOT_CONTROLLER', 'BROKER_REFUSED']],
  [42, ['INVALID_REQUEST', 'BROKER_REFUSED']],
  [43, ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'BROKER_CONFIG']],
  [44, ['POLICY_VIOLATION', 'BROKER_CONFIG']],
  [45, ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'BROKER_REFUSED']],
  [46, ['DUPLICATE_SEQUENCE_NUMBER', 'BROKER_REFUSED']],
  [47, ['INVALID_PRODUCER_EPOCH', 'BROKER_REFUSED']],
  [49, ['INVALID_PRODUCER_ID_MAPPING', 'BROKER_REFUSED']],
  [50, ['INVALID_TRANSACTION_TIMEOUT', 'BROKER_CONFIG']],
  [51, ['CONCURRENT_TRANSACTIONS', 'BROKER_REFUSED']],
  [53, ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'BROKER_AUTH']],
  [54, ['SECURITY_DISABLED', 'BROKER_CONFIG']],
  [56, ['KAFKA_STORAGE_ERROR', 'BROKER_REFUSED']],
  [58, ['SASL_AUTHENTICATION_FAILED', 'BROKER_AUTH']],
  [59, ['UNKNOWN_PRODUCER_ID', 'BROKER_REFUSED']],
  [72, ['LISTENER_NOT_FOUND', 'BROKER_REFUSED']],
  [74, ['FENCED_LEADER_EPOCH', 'BROKER_REFUSED']],
  [75, ['UNKNOWN_LEADER_EPOCH', 'BROKER_REFUSED']],
  [76, ['UNSUPPORTED_COMPRESSION_TYPE', 'BROKER_CONFIG']],
  [87, ['INVALID_RECORD', 'BROKER_CONFIG']],
  [89, ['THROTTLING_QUOTA_EXCEEDED', 'BROKER_REFUSED']],
  [90, ['PRODUCER_FENCED', 'BROKER_REFUSED']],
  [100, ['UNKNOWN_TOPIC_ID', 'BROKER_REFUSED']],
]);

/** The name in the protocol's list, for example `NOT_ENOUGH_REPLICAS`; `error 999` when it is not known here. */
export function kafkaErrorName(errorCode: number): string {
  return ERRORS.get(errorCode)?.[0] ?? `error ${String(errorCode)}`;
}

/** The code in our own manual. */
export function kafkaErrorKind(errorCode: number): ErrorCode {
  return ERRORS.get(errorCode)?.[1] ?? 'BROKER_REFUSED';
}
