import { NatsError } from 'nats';
import { AppError, type ErrorCode } from '#lib/kernel';

/** An error as the JetStream API and negative acknowledgements carry it. */
export interface JetStreamError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** JetStream's err_code numbers that are handled apart (nats-server, server/errors.json). */
export const JS_ERROR = {
  noPeers: 10005,
  notEnabledForAccount: 10039,
  messageNotFound: 10037,
  messageTooLarge: 10054,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  wrongLastMsgId: 10070,
  wrongLastSequence: 10071,
  notEnabled: 10076,
} as const;

const AUTH_CODES = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'ACCOUNT_EXPIRED',
  'BAD_AUTHENTICATION',
  'BAD_CREDS',
]);
/** OpenSSL's names for certificates that do not verify, and Node's own. */
const TLS_CODE =
  /^(TLS|WSS_REQUIRED|ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What went wrong while connecting, or why a connection ended, as an AppError that names the server. */
export function mapConnectionError(error: unknown, server: string): AppError {
  if (error instanceof AppError) return error;
  const cause = innermost(error);
  return new AppError(connectionErrorCode(error), `NATS server ${server}: ${reasonOf(cause)}`, {
    cause: error,
    facts: { server },
  });
}

/** The client says TIMEOUT, and an aborted socket that the operation was aborted: neither says what happened. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error) || cause.message === '') return 'the connection ended';
  return cause.name === 'AbortError' || /^(CONNECTION_)?TIMEOUT$/.test(cause.message)
    ? 'does not answer'
    : cause.message;
}

function connectionErrorCode(error: unknown): ErrorCode {
  for (let e: unknown = error; e instanceof Error; e = e instanceof NatsError ? e.chainedError : e.cause) {
    const code = 'code' in e && typeof e.code === 'string' ? e.code : '';
    if (AUTH_CODES.has(code)) return 'BROKER_AUTH';
    if (TLS_CODE.test(code) || (code === 'SERVER_OPT_NA' && e.message.includes('tls'))) return 'BROKER_TLS';
  }
  return 'BROKER_UNREACHABLE';
}

function innermost(error: unknown): unknown {
  return error instanceof NatsError && error.chainedError !== undefined ? error.chainedError : error;
}

/** A refusal by the JetStream API; `what` says what was asked for. */
export function mapApiError(error: JetStreamError, what: string): AppError {
  const message = `${what}: ${error.description ?? 'refused'} (NATS error ${error.err_code ?? error.code})`;
  const facts = { natsErrorCode: error.err_code ?? error.code };
  switch (error.err_code) {
    case JS_ERROR.notEnabled:
    case JS_ERROR.notEnabledForAccount:
      return new AppError('BROKER_CONFIG', message, { facts, remedy: 'Enable JetStream (nats-server -js).' });
    case JS_ERROR.noPeers:
      return new AppError('BROKER_REFUSED', message, { facts });
    default:
      return new AppError(error.code >= 500 || error.code === 404 ? 'BROKER_REFUSED' : 'BROKER_CONFIG', message, {
        facts,
      });
  }
}

/** A request to the JetStream API that got no answer at all. */
export function mapRequestError(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  const code = error instanceof NatsError ? error.code : '';
  if (code === '503') {
    return new AppError('BROKER_REFUSED', `${what}: JetStream does not answer (not enabled, or no leader now)`, {
      cause: error,
      remedy: 'Retried for ever; check that JetStream is enabled (nats-server -js) and its cluster has a leader.',
    });
  }
  if (code === 'PERMISSIONS_VIOLATION') {
    return new AppError('BROKER_AUTH', `${what}: ${(error as Error).message}`, {
      cause: error,
      remedy: 'Grant the user publish on this subject and subscribe on _INBOX.>.',
    });
  }
  if (code === 'TIMEOUT') return new AppError('BROKER_TIMEOUT', `${what}: no answer`, { cause: error });
  return new AppError('BROKER_UNREACHABLE', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

/** A message that the stream would not store for now. */
export function mapRefusal(error: JetStreamError, stream: string): AppError {
  const reason = error.description ?? 'refused';
  return new AppError('BROKER_REFUSED', `stream "${stream}" refused a message: ${reason}`, {
    facts: { stream, natsErrorCode: error.err_code ?? error.code },
  });
}

/** Messages that nobody answered within the limit. */
export function notAcknowledged(stream: string, waitedMs: number): AppError {
  const seconds = Math.round(waitedMs / 1000);
  return new AppError('BROKER_TIMEOUT', `stream "${stream}" has not acknowledged for ${seconds} s`, {
    facts: { stream },
  });
}

/** The server knows nobody who stores the subject. */
export function noResponders(stream: string): AppError {
  return new AppError('BROKER_REFUSED', `stream "${stream}" does not answer: deleted, or no leader now`, {
    facts: { stream },
  });
}
