import { v1 } from '@google-cloud/pubsub';
import { googleAuthLibrary, grpc } from 'google-gax';
import type { PublisherConfig } from '#lib/config';
import { AppError, deferred, withTimeout } from '#lib/kernel';
import { channelCredentials } from './access.js';
import type { Endpoint } from './endpoint.js';
import { type CallFailure, fateOf, mapCallFailure, STATUS } from './map-pubsub-error.js';
import { topicPath } from './topic-id.js';
import { WatchedCredentials } from './watched-credentials.js';

const PUBLISH = '/google.pubsub.v1.Publisher/Publish';
const PROBE_MS = 5000;
/** For reading files and finding credentials. */
const CREATE_MS = 20_000;
const KEEPALIVE_MS = 20_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 5000;

export interface LinkSettings {
  readonly publisher: PublisherConfig;
  readonly endpoint: Endpoint;
  readonly project: string;
  /** How long a publish request may take; the server is told. */
  readonly requestMs: number;
}

type Done = (failure: CallFailure | undefined, response: Buffer) => void;
/** The client's methods beside Publish, as gRPC makes them. */
type TopicMethod = 'getTopic' | 'createTopic';
type Unary = (
  request: Readonly<Record<string, string>>,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: (error: grpc.ServiceError | null) => void,
) => grpc.ClientUnaryCall;

/**
 * One channel to Pub/Sub, with a connection of its own. Nothing is retried here, neither by this class nor below it:
 * what becomes of a call is told once.
 */
export class PubsubLink {
  private readonly calls = new Set<grpc.ClientUnaryCall>();
  private readonly metadataByTopic = new Map<string, grpc.Metadata>();
  private closed = false;
  private admitted = false;

  private constructor(
    private readonly settings: LinkSettings,
    private readonly credentials: WatchedCredentials,
    private readonly client: v1.PublisherClient,
    private readonly stub: grpc.Client & Readonly<Record<TopicMethod, Unary>>,
  ) {}

  /**
   * Makes a channel and asks Pub/Sub for a sign of life over it. `admitted`: it gave one before, over another.
   * @throws AppError BROKER_*
   */
  static async open(settings: LinkSettings, signal: AbortSignal, admitted: boolean): Promise<PubsubLink> {
    const abort = deferred<never>();
    const creating = PubsubLink.create(settings);
    let given = false;
    // Whenever it comes into being, it is not left open.
    const onAbort = () => {
      abort.reject(new AppError('BROKER_UNREACHABLE', 'connecting to Pub/Sub was aborted'));
      abandonLater(creating);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const link = await withTimeout(Promise.race([creating, abort.promise]), CREATE_MS, tookTooLong);
      link.admitted = admitted;
      await link.probe();
      link.admitted = true;
      given = true;
      return link;
    } finally {
      if (!given) abandonLater(creating);
      signal.removeEventListener('abort', onAbort);
    }
  }

  private static async create(settings: LinkSettings): Promise<PubsubLink> {
    const { publisher, endpoint } = settings;
    const credentials = new WatchedCredentials(await channelCredentials(publisher, endpoint));
    // The token is part of the channel's credentials: the client has no reason to look for one.
    const auth = new googleAuthLibrary.GoogleAuth({ authClient: new googleAuthLibrary.PassThroughClient() });
    const { serverName } = publisher.tls;
    const client = new v1.PublisherClient({
      servicePath: endpoint.host,
      port: endpoint.port,
      sslCreds: credentials,
      auth,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.primary_user_agent': 'wal-listener',
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
      ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    });
    const stub: unknown = await client.initialize();
    if (!(stub instanceof grpc.Client)) throw new TypeError('the Pub/Sub client has no gRPC client inside');
    return new PubsubLink(settings, credentials, client, stub as PubsubLink['stub']);
  }

  /** Whether a call would go out over a connection that is there. */
  get isReady(): boolean {
    return !this.closed && this.stub.getChannel().getConnectivityState(false) === grpc.connectivityState.READY;
  }

  /**
   * Sends a PublishRequest. `request` must stay as it is until `done`, which is called once, never before this returns.
   */
  publish(topic: string, request: Buffer, done: Done): void {
    const options = { deadline: Date.now() + this.settings.requestMs };
    const metadata = this.metadata('topic', topic);
    const call = this.stub.makeUnaryRequest(PUBLISH, asIs, asIs, request, metadata, options, (error, response) => {
      this.calls.delete(call);
      if (error === null && response !== undefined) done(undefined, response);
      else done(this.failureOf(error), NOTHING);
    });
    this.calls.add(call);
  }

  /**
   * A sign of life of Pub/Sub that needs no topic and no permission but a valid token.
   * @throws AppError BROKER_*
   */
  async probe(): Promise<void> {
    const { project, endpoint } = this.settings;
    const failure = await this.ask('getTopic', 'topic', 'wal-listener-probe');
    if (failure === undefined || failure.code === STATUS.permissionDenied) return;
    if (failure.code === STATUS.notFound) {
      if (!/project.*not found/i.test(failure.message)) return;
      throw new AppError('BROKER_CONFIG', `Pub/Sub project "${project}": ${failure.message}`, {
        facts: { project },
        remedy: 'Check publisher.pubSubProjectID: the project id, not its display name.',
      });
    }
    throw mapCallFailure(failure, `Pub/Sub at ${endpoint.address}`, project, this.admitted);
  }

  /** Whether the topic exists; `unknown` when that is not for us to ask. @throws AppError BROKER_* */
  async topicState(topic: string): Promise<'exists' | 'missing' | 'unknown'> {
    const failure = await this.ask('getTopic', 'topic', topic);
    if (failure === undefined) return 'exists';
    if (failure.code === STATUS.notFound) return 'missing';
    if (failure.code === STATUS.permissionDenied) return 'unknown';
    throw mapCallFailure(failure, `topic "${topic}"`, this.settings.project, this.admitted);
  }

  /** Creates the topic unless it exists; whether it did. @throws AppError BROKER_* */
  async createTopic(topic: string): Promise<boolean> {
    const failure = await this.ask('createTopic', 'name', topic);
    if (failure === undefined) return true;
    if (failure.code === STATUS.alreadyExists) return false;
    throw mapCallFailure(failure, `creating topic "${topic}"`, this.settings.project, this.admitted);
  }

  /** Cuts the connection: calls end as cancelled, and nothing that was not sent yet ever will be. */
  abandon(): void {
    this.closed = true;
    for (const call of this.calls) call.cancel();
    this.credentials.reset();
    this.stub.close();
    this.client.close().catch(() => undefined);
  }

  private ask(method: TopicMethod, field: string, topic: string): Promise<CallFailure | undefined> {
    if (this.closed) return Promise.resolve(GIVEN_UP);
    const path = topicPath(this.settings.project, topic);
    const metadata = requestParams(field, path);
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + PROBE_MS };
      const call = this.stub[method]({ [field]: path }, metadata, options, (error) => {
        this.calls.delete(call);
        resolve(error === null ? undefined : this.failureOf(error));
      });
      this.calls.add(call);
    });
  }

  private metadata(field: string, topic: string): grpc.Metadata {
    let metadata = this.metadataByTopic.get(topic);
    if (metadata === undefined) {
      metadata = requestParams(field, topicPath(this.settings.project, topic));
      this.metadataByTopic.set(topic, metadata);
    }
    return metadata;
  }

  private failureOf(error: grpc.ServiceError | null): CallFailure {
    if (error === null) return { code: STATUS.internal, message: 'no response', fate: 'lost', cause: undefined };
    const { code, details, metadata } = error;
    // What gRPC says of its own accord carries no metadata.
    const fate = fateOf(code, details, Object.keys(metadata.getMap()).length > 0);
    const cause = code === grpc.status.UNAVAILABLE ? this.credentials.lastError : undefined;
    return { code, message: details, fate, cause: cause ?? error };
  }
}

const NOTHING = Buffer.alloc(0);
const GIVEN_UP: CallFailure = {
  code: STATUS.cancelled,
  message: 'the connection was given up',
  fate: 'unsent',
  cause: undefined,
};

function abandonLater(creating: Promise<PubsubLink>): void {
  creating.then(
    (link) => link.abandon(),
    () => undefined,
  );
}

function tookTooLong(): AppError {
  return new AppError('BROKER_TIMEOUT', `no credentials for Pub/Sub within ${String(CREATE_MS / 1000)} s`);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** What Google's front ends route by. Format: https://google.aip.dev/client-libraries/4222 */
function requestParams(field: string, path: string): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('x-goog-request-params', `${field}=${encodeURIComponent(path)}`);
  return metadata;
}
