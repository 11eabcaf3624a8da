import { AppError, type ErrorCode } from '#lib/kernel';
import { kafkaErrorKind, kafkaErrorName } from './protocol-errors.js';

/** OpenSSL's names for what fails in a handshake or a certificate, and Node's own. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What a person may have to grant, by the error's name. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['TOPIC_AUTHORIZATION_FAILED', 'Grant the user Write and Describe on the topic.'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'Grant the user Write and Describe on the transactional id.'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'Grant the user IdempotentWrite (and, to create topics, Create) on the cluster.'],
  ['UNSUPPORTED_SASL_MECHANISM', 'Set publisher.saslMechanism to one that the listener offers.'],
  [
    'INVALID_REPLICATION_FACTOR',
    'Retried for ever; bring back the brokers that are missing, or set publisher.kafka.replicationFactor (or the ' +
      "broker's default.replication.factor) to no more than there are brokers.",
  ],
  ['ILLEGAL_SASL_STATE', 'Check publisher.saslMechanism and that publisher.address names a SASL listener.'],
]);

/** What went wrong while connecting, or why a connection ended, as an AppError that names the broker. */
export function mapConnectionError(error: unknown, broker: string): AppError {
  if (error instanceof AppError) return error;
  const code: ErrorCode = TLS_CODE.test(codeOf(error)) ? 'BROKER_TLS' : 'BROKER_UNREACHABLE';
  const reason = reasonOf(error) || 'the connection ended';
  return new AppError(code, `Kafka broker ${broker}: ${reason}`, { cause: error, facts: { broker } });
}

/**
 * A refusal by the broker: an error code of a response other than 0.
 * @param what names what was asked for, and of whom: `creating topic "a"`
 * @param words the broker's own, when it gave any
 */
export function mapProtocolError(errorCode: number, what: string, words?: string | null): AppError {
  const name = kafkaErrorName(errorCode);
  const reason = words === undefined || words === null || words === '' ? '' : `: ${words}`;
  const remedy = REMEDIES.get(name);
  return new AppError(kafkaErrorKind(errorCode), `${what}: Kafka answers ${name}${reason}`, {
    facts: { kafkaErrorCode: errorCode },
    ...(remedy !== undefined && { remedy }),
  });
}

/** A name with several addresses fails with an error without a message, which holds one for each. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return error.message || reasonOf(first) || codeOf(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
