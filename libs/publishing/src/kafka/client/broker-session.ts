import { AppError } from '#lib/kernel';
import { mapProtocolError } from '../map-kafka-error.js';
import { KAFKA_ERROR } from '../protocol-errors.js';
import type { BrokerAddress } from './connect-options.js';
import type { KafkaConnection } from './kafka-connection.js';
import type { CallMaker, KafkajsInternals, ProtocolCall, Versions } from './kafkajs-internals.js';
import type { ConnectContext } from './connect-context.js';

/** The first API version of ApiVersions that says how long the broker throttles; Kafka 2.0. */
const API_VERSIONS_VERSION = 2;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A broker ends a connection whose authentication is older than its lifetime: it is not used to the last moment. */
const LIFETIME_PART = 0.8;

type Apis = KafkajsInternals['requests'];
type MakerOf<D> = D extends { protocol(version: { readonly version: number }): infer M } ? M : never;
type OptionsOf<M> = M extends CallMaker<infer O, unknown> ? O : never;
type AnswerOf<M> = M extends (options: never) => ProtocolCall<infer T> ? T : never;

/** A connection whose broker has told its versions and taken the credentials. */
export class BrokerSession {
  private constructor(
    readonly connection: KafkaConnection,
    private readonly context: ConnectContext,
    private readonly versions: Versions,
    /** By the clock; undefined = for ever. */
    private readonly expiresAtMs: number | undefined,
  ) {}

  /** @throws AppError, or what the connection was lost by */
  static async start(
    connection: KafkaConnection,
    address: BrokerAddress,
    context: ConnectContext,
  ): Promise<BrokerSession> {
    const versions = await askVersions(connection, context.kafkajs);
    const startedMs = context.clock.now();
    const lifetimeMs = await authenticate(connection, address, context, versions);
    const expiresAtMs = lifetimeMs === 0 ? undefined : startedMs + lifetimeMs * LIFETIME_PART;
    return new BrokerSession(connection, context, versions, expiresAtMs);
  }

  /** Whether the connection can take another request. */
  get isUsable(): boolean {
    return this.connection.lostBy === undefined && !this.isExpired;
  }

  /** Whether the credentials must be shown again, on a new connection. */
  get isExpired(): boolean {
    return this.expiresAtMs !== undefined && this.context.clock.now() >= this.expiresAtMs;
  }

  /**
   * The version of an API that both sides know.
   * @throws AppError BROKER_CONFIG when there is none
   */
  versionOf(api: keyof KafkajsInternals['apiKeys'], min: number, max: number): number {
    const offered = this.versions[this.context.kafkajs.apiKeys[api]];
    const version = Math.min(max, offered?.maxVersion ?? -1);
    if (offered === undefined || version < min || version < offered.minVersion) {
      throw new AppError('BROKER_CONFIG', `Kafka broker ${this.connection.broker} does not know ${api} as needed`, {
        remedy: 'Use Kafka 2.4 or newer.',
      });
    }
    return version;
  }

  /**
   * One request of an API, in the newest version that both sides know.
   * @param body in the place of kafkajs's encoding of `options`
   * @throws AppError
   */
  async ask<N extends Exclude<keyof Apis, 'ApiVersions'>>(
    api: N,
    options: OptionsOf<MakerOf<Apis[N]>>,
    timeoutMs: number,
    body?: Buffer,
  ): Promise<AnswerOf<MakerOf<Apis[N]>>> {
    const definition = this.context.kafkajs.requests[api];
    const known = definition.versions.map(Number);
    const version = this.versionOf(api, Math.min(...known), Math.max(...known));
    const make = definition.protocol({ version }) as CallMaker<unknown, AnswerOf<MakerOf<Apis[N]>>>;
    return exchange(this.connection, make(options), timeoutMs, body);
  }
}

async function askVersions(connection: KafkaConnection, kafkajs: KafkajsInternals): Promise<Versions> {
  const call = kafkajs.requests.ApiVersions.protocol({ version: API_VERSIONS_VERSION })();
  const { apiVersions } = await exchange(connection, call, HANDSHAKE_TIMEOUT_MS);
  return Object.fromEntries(apiVersions.map(({ apiKey, ...range }) => [apiKey, range]));
}

/** Milliseconds for which the authentication holds; 0 = for ever. */
async function authenticate(
  connection: KafkaConnection,
  address: BrokerAddress,
  { publisher, kafkajs }: ConnectContext,
  versions: Versions,
): Promise<number> {
  const { saslMechanism, username, password } = publisher;
  if (saslMechanism === undefined) return 0;
  const sasl = { mechanism: saslMechanism, username: username ?? '', password: password ?? '' };
  let failure: AppError | undefined;
  const exchanger = kafkajs.saslExchange(
    {
      ...address,
      sasl,
      async send<T>(call: ProtocolCall<T>): Promise<T> {
        try {
          const data = await exchange(connection, call, HANDSHAKE_TIMEOUT_MS);
          const refusal = refusalIn(data as SaslAnswer, connection.broker);
          if (refusal !== undefined) throw refusal;
          return await call.response.parse(data);
        } catch (error) {
          if (error instanceof AppError) failure = error;
          throw error;
        }
      },
    },
    versions,
  );
  try {
    await exchanger.authenticate();
  } catch (error) {
    // Every failure looks like refused credentials by now, a lost connection or an answer that cannot be read too.
    if (failure !== undefined) throw failure;
    if (connection.lostBy !== undefined) throw connection.lostBy;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('BROKER_AUTH', `Kafka broker ${connection.broker}: ${reason}`, { cause: error });
  }
  return Number(exchanger.sessionLifetime);
}

/** What the answers of a SASL exchange have in common. */
interface SaslAnswer {
  readonly errorCode?: number;
  readonly errorMessage?: string | null;
  readonly enabledMechanisms?: readonly string[];
}

function refusalIn(answer: SaslAnswer, broker: string): AppError | undefined {
  const { errorCode = KAFKA_ERROR.none, errorMessage, enabledMechanisms } = answer;
  if (errorCode === KAFKA_ERROR.none) return undefined;
  const words = enabledMechanisms === undefined ? errorMessage : `it offers ${enabledMechanisms.join(', ')}`;
  return mapProtocolError(errorCode, `Kafka broker ${broker}`, words);
}

async function exchange<T>(
  connection: KafkaConnection,
  call: ProtocolCall<T>,
  timeoutMs: number,
  body?: Buffer,
): Promise<T> {
  const bytes = body ?? (await call.request.encode()).buffer;
  const answer = await connection.request(call.request, [bytes], timeoutMs);
  try {
    return await call.response.decode(answer);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Kafka broker ${connection.broker}: its answer cannot be read: ${reason}`;
    throw new AppError('BROKER_REFUSED', message, { cause: error });
  }
}
