import { connect, createInbox, DebugEvents, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import type { PublisherConfig } from '#lib/config';
import { aborted, AppError, toAppError, withTimeout } from '#lib/kernel';
import { abandon } from './abandon.js';
import { connectOptions, type NatsServer } from './connect-options.js';
import { type JetStreamError, mapConnectionError, mapRequestError } from './map-nats-error.js';

/** What a link reports; none of it may throw. */
export interface LinkListener {
  /** The reply to the message published with this seq. */
  reply(link: NatsLink, seq: number, data: Uint8Array): void;
  /** The link is dead: nothing more is sent or received on it. Called once, also after `close`. */
  lost(link: NatsLink, error: AppError): void;
}

type ApiReply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: JetStreamError };

/**
 * One connection to one server, never re-made: whoever holds it opens another when it is lost. So what was handed to it
 * is either written by it or never, and its replies cannot be mixed up with those of another.
 */
export class NatsLink {
  /** The server's limit for headers and body together. */
  readonly maxPayloadBytes: number;
  /** Other servers of the cluster that this one told of, `host:port`. */
  readonly peers: readonly string[];
  private readonly replyPrefix: string;
  private alive = true;
  private header: Uint8Array = new Uint8Array(0);
  /** The client only calls encode(), at once; building its header map would cost as much as the publish itself. */
  private readonly options = {
    headers: { encode: () => this.header } as unknown as MsgHdrs,
    reply: '',
  };

  private constructor(
    private readonly connection: NatsConnection,
    readonly server: string,
    private readonly listener: LinkListener,
  ) {
    this.maxPayloadBytes = connection.info?.max_payload ?? 1024 * 1024;
    this.peers = connection.info?.connect_urls ?? [];
    const inbox = createInbox();
    this.replyPrefix = `${inbox}.`;
    connection.subscribe(`${inbox}.*`, { callback: (_error, message) => this.onReply(message) });
    void this.watchStatus();
    void connection.closed().then((error) => this.onLost(mapConnectionError(error ?? undefined, server)));
  }

  /** @throws AppError BROKER_UNREACHABLE, BROKER_AUTH, BROKER_TLS, BROKER_CONFIG */
  static async open(
    publisher: PublisherConfig,
    server: NatsServer,
    timeoutMs: number,
    listener: LinkListener,
    signal: AbortSignal,
  ): Promise<NatsLink> {
    const options = await connectOptions(publisher, server, timeoutMs);
    const connecting = connect(options);
    const stopped = new AbortController();
    const onAbort = () => stopped.abort();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const interrupted = aborted(stopped.signal).then(() => {
      throw new AppError('BROKER_UNREACHABLE', 'connecting was aborted');
    });
    interrupted.catch(() => undefined);
    try {
      return new NatsLink(await Promise.race([connecting, interrupted]), server.address, listener);
    } catch (error) {
      void closeLate(connecting);
      throw mapConnectionError(error, server.address);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get isAlive(): boolean {
    return this.alive;
  }

  /** Hands one message over; it goes out with all else of this turn. `header` and `body` must never be written again. */
  publish(subject: string, header: Uint8Array, body: Uint8Array, seq: number): void {
    this.header = header;
    this.options.reply = this.replyPrefix + String(seq);
    try {
      this.connection.publish(subject, body, this.options);
    } catch (error) {
      this.onLost(mapConnectionError(error, this.server));
    }
  }

  /** A JetStream API call: the reply, or the error that it holds. @throws AppError when no reply came */
  async request<T>(subject: string, payload: unknown, timeoutMs: number, what: string): Promise<ApiReply<T>> {
    const body = payload === undefined ? '' : JSON.stringify(payload);
    let reply: Msg;
    try {
      reply = await this.connection.request(subject, body, { timeout: timeoutMs });
    } catch (error) {
      throw mapRequestError(error, what);
    }
    const value = reply.json<T & { error?: JetStreamError }>();
    return value.error ? { ok: false, error: value.error } : { ok: true, value };
  }

  /** A round trip to the server. @throws AppError BROKER_UNREACHABLE */
  async ping(timeoutMs: number): Promise<void> {
    const timedOut = () => new AppError('BROKER_TIMEOUT', `NATS server ${this.server} does not answer a ping`);
    try {
      await withTimeout(this.connection.rtt(), timeoutMs, timedOut);
    } catch (error) {
      throw mapConnectionError(error, this.server);
    }
  }

  /** Cuts the connection: what is not written to the socket by now never will be. */
  async close(): Promise<void> {
    this.onLost(new AppError('BROKER_UNREACHABLE', 'closed'));
    await this.hangUp();
  }

  private onReply(message: Msg): void {
    if (!this.alive) return;
    // A throw in here would end the client's reader without a word.
    try {
      this.listener.reply(this, seqOf(message.subject), message.data);
    } catch (error) {
      this.onLost(toAppError(error));
    }
  }

  private onLost(error: AppError): void {
    if (!this.alive) return;
    this.alive = false;
    this.listener.lost(this, error);
    void this.hangUp();
  }

  private async hangUp(): Promise<void> {
    abandon(this.connection);
    try {
      await this.connection.close();
    } catch {
      // It is gone already.
    }
  }

  private async watchStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === DebugEvents.StaleConnection) {
        this.onLost(new AppError('BROKER_UNREACHABLE', `NATS server ${this.server} stopped answering pings`));
      } else if (status.permissionContext?.operation === 'publish' && !isApiSubject(status.permissionContext.subject)) {
        const { subject } = status.permissionContext;
        this.onLost(
          new AppError('BROKER_AUTH', `NATS server ${this.server} does not let this user publish to "${subject}"`, {
            facts: { subject },
            remedy: 'Grant the user publish on the topic, `$JS.API.>` and subscribe on `_INBOX.>`.',
          }),
        );
      }
    }
  }
}

/** A connection that comes up after it was given up must not stay open. */
async function closeLate(connecting: Promise<NatsConnection>): Promise<void> {
  try {
    const connection = await connecting;
    await connection.close();
  } catch {
    // It never came up.
  }
}

const isApiSubject = (subject: string) => subject.startsWith('$JS.');

/** The number after the last dot. */
function seqOf(subject: string): number {
  let seq = 0;
  for (let i = subject.lastIndexOf('.') + 1; i < subject.length; i++) seq = seq * 10 + (subject.charCodeAt(i) - 0x30);
  return seq;
}
