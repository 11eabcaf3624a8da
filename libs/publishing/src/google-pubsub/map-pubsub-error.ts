import { AppError } from '#lib/kernel';

/** The status codes of gRPC. Format: https://grpc.io/docs/guides/status-codes */
export const STATUS = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/**
 * What became of a call that failed: it is over and did nothing; it never left; the server (or one before it) gave up
 * waiting, and it may still do its work; nobody knows.
 */
export type Fate = 'refused' | 'unsent' | 'late' | 'lost';

/** How a call failed. */
export interface CallFailure {
  /** A status code of gRPC. */
  readonly code: number;
  readonly message: string;
  readonly fate: Fate;
  /** The error of the connection or of the credentials behind it. */
  readonly cause: unknown;
}

/** OpenSSL's names for certificates that do not verify, and Node's own. */
const VERIFICATION_CODE =
  /^(ERR_TLS_CERT_ALTNAME_INVALID$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;
/** Whatever else goes wrong with TLS. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$)/;

/** How gRPC begins when a call did not get as far as a connection. */
const NO_CONNECTION = /^(No connection established|Name resolution failed)/;
const NO_TOKEN = /^Getting metadata from plugin failed/;
/** Statuses that only a server gives. */
const OF_SERVERS: ReadonlySet<number> = new Set([
  STATUS.invalidArgument,
  STATUS.notFound,
  STATUS.alreadyExists,
  STATUS.permissionDenied,
  STATUS.unauthenticated,
]);
/** Statuses that a front end gives while another server may still be at work. */
const OF_WAITING: ReadonlySet<number> = new Set([
  STATUS.cancelled,
  STATUS.unknown,
  STATUS.deadlineExceeded,
  STATUS.internal,
  STATUS.unavailable,
]);

/** What became of a call; `isAnswer` = a server said so, not gRPC of its own accord. */
export function fateOf(code: number, details: string, isAnswer: boolean): Fate {
  if (!isAnswer && (NO_CONNECTION.test(details) || NO_TOKEN.test(details))) return 'unsent';
  if (OF_SERVERS.has(code)) return 'refused';
  if (!isAnswer) return 'lost';
  return OF_WAITING.has(code) ? 'late' : 'refused';
}

/** There was no connection to send the call over. */
export function lacksConnection({ fate, message }: CallFailure): boolean {
  return fate === 'unsent' && NO_CONNECTION.test(message);
}

/**
 * What a failed call means; `what` says what was asked for. Once Pub/Sub `admitted` us, of the errors of TLS only a
 * certificate that does not verify is for good: others come from a connection that was cut or a proxy that restarts.
 */
export function mapCallFailure(failure: CallFailure, what: string, project: string, admitted: boolean): AppError {
  const { code, message, cause } = failure;
  if (cause instanceof AppError) return cause;
  const text = `${what}: ${message}`;
  const options = { cause, facts: { project, grpcStatus: code } };
  if (isTlsError(cause, admitted)) return new AppError('BROKER_TLS', `${what}: ${cause.message}`, options);
  switch (code) {
    case STATUS.unauthenticated:
      return new AppError('BROKER_AUTH', `${what}: Pub/Sub refuses the credentials: ${message}`, {
        ...options,
        remedy: 'Check publisher.pubsub.credentialsFile, or the application default credentials of this machine.',
      });
    case STATUS.permissionDenied:
      return new AppError('BROKER_AUTH', `${what}: permission denied in project "${project}": ${message}`, {
        ...options,
        remedy: `gcloud projects add-iam-policy-binding ${project} --member=serviceAccount:EMAIL --role=roles/pubsub.publisher`,
      });
    case STATUS.deadlineExceeded:
      return new AppError('BROKER_TIMEOUT', text, options);
    case STATUS.unavailable:
    case STATUS.cancelled:
      return new AppError('BROKER_UNREACHABLE', text, options);
    case STATUS.invalidArgument:
      return new AppError('BROKER_CONFIG', text, options);
    default:
      return new AppError('BROKER_REFUSED', text, options);
  }
}

/** All topics that are missing, in one error with the commands that create them. */
export function topicsMissing(topics: readonly string[], project: string): AppError {
  const names = topics.map((topic) => `"${topic}"`).join(', ');
  const what = topics.length === 1 ? 'topic does not exist' : 'topics do not exist';
  return new AppError('SUBJECT_NOT_COVERED', `Pub/Sub project "${project}": ${what}: ${names}`, {
    facts: { project, count: topics.length },
    remedy: `${topics.map((topic) => createCommand(topic, project)).join('\n')}\nor set publisher.pubsub.createTopics.`,
  });
}

function createCommand(topic: string, project: string): string {
  return `gcloud pubsub topics create ${topic} --project ${project}`;
}

function isTlsError(cause: unknown, admitted: boolean): cause is Error {
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return false;
  return VERIFICATION_CODE.test(cause.code) || (!admitted && TLS_CODE.test(cause.code));
}
