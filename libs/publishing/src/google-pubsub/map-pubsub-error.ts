import { AppError } from '#lib/kernel';

/** The status codes of gRPC. Format: https://grpc.io/docs/guides/status-codes */
export const STATUS = {
  cancelled: 1,
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

/** How a call failed. */
export interface CallFailure {
  /** A status code of gRPC. */
  readonly code: number;
  readonly message: string;
  /** The server said so: the call is over. Else nobody knows what became of it. */
  readonly answered: boolean;
  /** The error of the connection or of the credentials behind it. */
  readonly cause: unknown;
}

/** OpenSSL's names for certificates that do not verify, and Node's own. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What a failed call means; `what` says what was asked for. */
export function mapCallFailure(failure: CallFailure, what: string, project: string): AppError {
  const { code, message, cause } = failure;
  if (cause instanceof AppError) return cause;
  const text = `${what}: ${message}`;
  const options = { cause, facts: { project, grpcStatus: code } };
  if (isTlsError(cause)) return new AppError('BROKER_TLS', `${what}: ${cause.message}`, options);
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

function isTlsError(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && TLS_CODE.test(cause.code);
}
