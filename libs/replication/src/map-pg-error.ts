import { AppError, type ErrorCode, type ErrorFacts } from '#lib/kernel';

interface PgFields {
  readonly code?: unknown;
  readonly severity?: unknown;
  readonly errors?: unknown;
}

/** SQLSTATE → code; classes (first two characters) are looked up after whole states. */
const BY_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'PG_AUTH',
  '28000': 'PG_AUTH',
  '3D000': 'PG_DATABASE_MISSING',
  '42501': 'PG_PRIVILEGE',
  '55006': 'SLOT_IN_USE',
  '55P03': 'PG_TABLE_LOCKED',
  // "all replication slots are in use": mended by configuration only.
  '53400': 'SLOTS_EXHAUSTED',
  // "too many clients already" and its like pass: connections come free.
  '53300': 'PG_CONNECTION_LOST',
  '57P01': 'PG_CONNECTION_LOST',
  '57P02': 'PG_CONNECTION_LOST',
  '57P03': 'PG_CONNECTION_LOST',
  '57P05': 'PG_CONNECTION_LOST',
};

const TLS_MESSAGES = /does not support SSL|certificate|\bSSL\b.*alert|tlsv1|wrong version number/i;
const NETWORK_MESSAGES =
  /Connection terminated|timeout expired|not queryable|read timeout|error establishing an SSL connection/i;
const DNS_CODES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);

/** SQLSTATEs that say no more than "an object is missing or not fit": what it is has to be looked up. */
export const OBJECT_STATES: ReadonlySet<string> = new Set(['42704', '55000', '58P01', '57P01']);

/** Classes whose texts quote values: data exceptions, constraints, what functions raise. */
const QUOTING_CLASSES = new Set(['22', '23', '38', '39', '44', 'P0']);
const NOT_SHOWN = "the server refused a value; its text may quote a row and is in PostgreSQL's own log only";

/** The SQLSTATE of pgoutput's warning that it passes over a publication, and the function that reports it. */
export function isSkippedPublication(notice: { readonly code?: unknown; readonly routine?: unknown }): boolean {
  // Not by the message, which the server translates.
  return notice.code === '55000' && notice.routine === 'LoadPublications';
}

function codeOfSqlstate(sqlstate: string): ErrorCode {
  const exact = BY_SQLSTATE[sqlstate];
  if (exact !== undefined) return exact;
  return sqlstate.startsWith('08') ? 'PG_CONNECTION_LOST' : 'PG_QUERY';
}

function codeOfSocketError(code: string, message: string): ErrorCode | undefined {
  if (/^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)) return 'PG_TLS';
  if (code === 'EPROTO' || TLS_MESSAGES.test(message)) return 'PG_TLS';
  if (/^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_')) return 'PG_CONNECTION_LOST';
  // pg's own: for example an empty password where the server wants one.
  if (message.startsWith('SASL')) return 'PG_AUTH';
  return NETWORK_MESSAGES.test(message) ? 'PG_CONNECTION_LOST' : undefined;
}

/** An AggregateError (one failure per address of a host) has no message of its own. */
function messageOf(error: Error, fields: PgFields): string {
  if (error.message !== '') return error.message;
  const inner: unknown = Array.isArray(fields.errors) ? fields.errors[0] : undefined;
  return inner instanceof Error ? inner.message : typeof fields.code === 'string' ? fields.code : error.name;
}

/**
 * What pg, the socket or the server threw, as an AppError: the only place that knows SQLSTATEs.
 * `facts.sqlstate` is set whenever the server named one. Programmer errors become INTERNAL.
 */
export function mapPgError(error: unknown, facts: ErrorFacts = {}): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error)) return new AppError('INTERNAL', String(error), { cause: error, facts });
  const fields = error as Error & PgFields;
  const message = messageOf(error, fields);
  const code = typeof fields.code === 'string' ? fields.code : '';
  if (typeof fields.severity === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    const options = { cause: error, facts: { ...facts, sqlstate: code } };
    // A pooler refuses the replication or options parameter of the start-up packet this way.
    if (code === '08P01' && /startup/i.test(message)) return new AppError('PG_SESSION_SETTING', message, options);
    const shown = QUOTING_CLASSES.has(code.slice(0, 2)) ? NOT_SHOWN : message;
    return new AppError(codeOfSqlstate(code), `${shown} (SQLSTATE ${code})`, options);
  }
  const socketCode = codeOfSocketError(code, message);
  if (socketCode === undefined) return new AppError('INTERNAL', message, { cause: error, facts });
  const text = DNS_CODES.has(code) ? `The host name does not resolve: ${message}` : message;
  return new AppError(socketCode, text, { cause: error, facts });
}
