import { AppError, type ErrorCode } from '#lib/kernel';
import { shellQuote } from '../shell-quote.js';

/** Why the broker closed a channel or a connection. Codes: AMQP 0-9-1, section 1.2. */
export interface Refusal {
  readonly code: number;
  readonly text: string;
}

export const AMQP = {
  connectionForced: 320,
  accessRefused: 403,
  notFound: 404,
  resourceLocked: 405,
  preconditionFailed: 406,
  notAllowed: 530,
} as const;

/** OpenSSL's names for certificates that do not verify, and Node's own. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)|^EPROTO$/;

/** Those of them that say that the server cannot be trusted; others can come from a network or a broker in trouble. */
const UNTRUSTED_CODE =
  /^(ERR_TLS_CERT_ALTNAME_INVALID$|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What the client says when the broker answers connection.open with connection.close, whose reason it keeps to itself. */
const VHOST_CLOSED = 'Expected ConnectionOpenOk; got <ConnectionClose';

/** Whom a connection speaks to, and as whom. */
export interface Party {
  readonly address: string;
  readonly vhost: string;
  /** Quoted, or in words. */
  readonly user: string;
  readonly tls: boolean;
  /** A broker of those configured let us in before. */
  readonly admitted: boolean;
}

/** The broker's own reason in an error of the client; undefined when the error has none. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const match = /\b(\d{3}) \([A-Z0-9_-]+\) with message "(.*)"$/s.exec(error.message);
  return match === null ? undefined : { code: Number(match[1]), text: match[2] ?? '' };
}

/** What went wrong while connecting, or why a connection ended. */
export function mapConnectionError(error: unknown, party: Party): AppError {
  if (error instanceof AppError) return error;
  const refusal = refusalOf(error);
  const where = `RabbitMQ ${party.address}`;
  const facts = { server: party.address, vhost: party.vhost };
  if (refusal?.code === AMQP.accessRefused || refusal?.code === AMQP.notAllowed) {
    // A limit of connections passes by itself.
    const code = /limit/i.test(refusal.text) ? 'BROKER_REFUSED' : 'BROKER_AUTH';
    return new AppError(code, `${where} refused user ${party.user} (vhost "${party.vhost}"): ${refusal.text}`, {
      cause: error,
      facts,
      ...(code === 'BROKER_AUTH' && { remedy: authRemedy(refusal, party) }),
    });
  }
  if (error instanceof Error && error.message.startsWith(VHOST_CLOSED)) {
    return vhostClosed(error, party);
  }
  const reason = error instanceof Error && error.message !== '' ? error.message : 'the connection ended';
  if (/^SASL mechanism \S+ is not provided/.test(reason)) {
    return new AppError('BROKER_CONFIG', `${where}: ${reason}`, {
      facts,
      remedy: 'Set publisher.username and password, or enable EXTERNAL (plugin rabbitmq_auth_mechanism_ssl).',
    });
  }
  return new AppError(connectionCode(error, party), `${where}: ${refusal?.text ?? plain(error, reason, party)}`, {
    cause: error,
    facts,
  });
}

function authRemedy(refusal: Refusal, party: Party): string {
  return refusal.code === AMQP.accessRefused
    ? 'Check publisher.username and password (or those in the address).'
    : vhostRemedy(party);
}

function vhostRemedy(party: Party): string {
  return (
    'Check the vhost at the end of publisher.address. Where it is missing, or the user has no permissions there:\n' +
    `rabbitmqctl add_vhost ${shellQuote(party.vhost)}\n${permissionCommand(party)}`
  );
}

/** Also a broker that is shutting down, or whose vhost is down or full, answers so: it is retried. */
function vhostClosed(cause: Error, party: Party): AppError {
  const { address, vhost, user } = party;
  const message =
    `RabbitMQ ${address} does not let user ${user} into vhost "${vhost}": it does not exist, or the user has no ` +
    'permissions there (or it is down or full; its log says which)';
  return new AppError('BROKER_REFUSED', message, {
    cause,
    facts: { server: address, vhost },
    remedy: vhostRemedy(party),
  });
}

/** Whether a broker did not let us into the vhost, for a reason that may pass or not. */
export function isVhostClosed({ cause }: AppError): boolean {
  return cause instanceof Error && cause.message.startsWith(VHOST_CLOSED);
}

/** The same as a mistake of the configuration, which no attempt mends. */
export function vhostMistake({ message, cause, facts, remedy }: AppError): AppError {
  return new AppError('BROKER_AUTH', message, { cause, facts, remedy });
}

function plain(error: unknown, reason: string, party: Party): string {
  if (error instanceof Error && error.name === 'AbortError') return 'does not answer';
  if (!party.tls && !party.admitted && /^(Socket closed abruptly|read ECONNRESET)/.test(reason)) {
    return 'closed the connection during the handshake (does it expect TLS: publisher.enableTLS?)';
  }
  return reason;
}

/** Whoever was let in before has TLS set up as the broker wants it; only its certificate may have become another. */
function connectionCode(error: unknown, { admitted }: Party): ErrorCode {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (admitted ? UNTRUSTED_CODE : TLS_CODE).test(code) ? 'BROKER_TLS' : 'BROKER_UNREACHABLE';
}

/**
 * What the broker has against something done on a channel.
 *
 * @param what what was done, for example `exchange "app"`
 */
export function mapChannelError(error: unknown, what: string, party: Party): AppError {
  if (error instanceof AppError) return error;
  const refusal = refusalOf(error);
  if (refusal === undefined) return mapConnectionError(error, party);
  const facts = { server: party.address, vhost: party.vhost, amqpCode: refusal.code };
  const message = `${what}: ${refusal.text}`;
  switch (refusal.code) {
    case AMQP.accessRefused:
      return new AppError('BROKER_AUTH', message, { cause: error, facts, remedy: permissionRemedy(party) });
    case AMQP.preconditionFailed:
      return new AppError('BROKER_CONFIG', message, { cause: error, facts });
    default:
      return new AppError('BROKER_REFUSED', message, { cause: error, facts });
  }
}

function permissionRemedy(party: Party): string {
  return (
    'The user needs configure on the fence queue (wal-listener.*) and, with declareExchange, on the exchange, and write ' +
    `on the exchange:\n${permissionCommand(party)}`
  );
}

function permissionCommand({ vhost, user }: Party): string {
  const name = /^"(.*)"$/.exec(user)?.[1] ?? 'USER';
  return `rabbitmqctl set_permissions -p ${shellQuote(vhost)} ${shellQuote(name)} "^(wal-listener\\..*|EXCHANGE)$" "^EXCHANGE$" ""`;
}

/** The limit that a message exceeded, from the broker's reason for closing the channel; undefined when it was another. */
export function sizeLimitOf(error: unknown): number | undefined {
  const refusal = refusalOf(error);
  if (refusal?.code !== AMQP.preconditionFailed) return undefined;
  const match = /message size \d+ is larger than (?:configured )?max size (\d+)/.exec(refusal.text);
  return match === null ? undefined : Number(match[1]);
}
