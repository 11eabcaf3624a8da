import type { JetStreamError } from './map-nats-error.js';
import { JS_ERROR, mapApiError } from './map-nats-error.js';
import type { NatsLink } from './nats-link.js';

/** The parts of a stream's configuration that matter to a publisher, as the API spells them; times in nanoseconds. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly retention?: 'limits' | 'interest' | 'workqueue';
  readonly storage?: 'file' | 'memory';
  readonly discard?: 'old' | 'new';
  readonly num_replicas?: number;
  readonly max_msgs?: number;
  readonly max_bytes?: number;
  readonly max_age?: number;
  readonly max_msgs_per_subject?: number;
  readonly max_msg_size?: number;
  readonly duplicate_window?: number;
  readonly no_ack?: boolean;
  readonly sealed?: boolean;
  readonly mirror?: unknown;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: {
    readonly messages: number;
    readonly first_seq: number;
    readonly last_seq: number;
    readonly consumer_count: number;
  };
}

/** A message as the stream stores it. */
export interface StoredMessage {
  readonly seq: number;
  /** Its Nats-Msg-Id, else the id in its body; undefined when it has neither. */
  readonly id: string | undefined;
}

const REQUEST_MS = 5000;
const MSG_ID = /^Nats-Msg-Id: *(.*?)\r?$/im;
const BODY_ID = /^\{"id":"([^"\\]{36})"/;

/** Reads what a stream is and holds. All methods throw AppError when the server cannot be asked. */
export class StreamReader {
  constructor(private readonly link: NatsLink) {}

  /** Undefined when the stream does not exist. */
  async info(stream: string): Promise<StreamInfo | undefined> {
    const what = `stream "${stream}"`;
    const reply = await this.link.request<StreamInfo>(`$JS.API.STREAM.INFO.${stream}`, undefined, REQUEST_MS, what);
    if (reply.ok) return reply.value;
    if (reply.error.err_code === JS_ERROR.streamNotFound) return undefined;
    throw mapApiError(reply.error, what);
  }

  /** The streams whose subjects overlap with this one, which may have wildcards. */
  async namesBySubject(subject: string): Promise<readonly string[]> {
    const what = `streams that store "${subject}"`;
    const reply = await this.link.request<{ streams?: readonly string[] | null }>(
      '$JS.API.STREAM.NAMES',
      { subject },
      REQUEST_MS,
      what,
    );
    if (!reply.ok) throw mapApiError(reply.error, what);
    return reply.value.streams ?? [];
  }

  /** Creates the stream; the error when the server will not. */
  async create(config: StreamConfig): Promise<JetStreamError | undefined> {
    const what = `creating stream "${config.name}"`;
    const reply = await this.link.request(`$JS.API.STREAM.CREATE.${config.name}`, config, REQUEST_MS, what);
    return reply.ok ? undefined : reply.error;
  }

  /** The message with exactly this sequence; undefined when it is gone. */
  message(stream: string, seq: number): Promise<StoredMessage | undefined> {
    return this.get(stream, { seq });
  }

  /** The first message whose sequence is not below; undefined when there is none. */
  messageFrom(stream: string, seq: number): Promise<StoredMessage | undefined> {
    return this.get(stream, { seq, next_by_subj: '>' });
  }

  private async get(stream: string, query: Readonly<Record<string, unknown>>): Promise<StoredMessage | undefined> {
    const what = `reading stream "${stream}"`;
    const reply = await this.link.request<{ message: { seq: number; hdrs?: string; data?: string } }>(
      `$JS.API.STREAM.MSG.GET.${stream}`,
      query,
      REQUEST_MS,
      what,
    );
    if (!reply.ok) {
      if (reply.error.err_code === JS_ERROR.messageNotFound) return undefined;
      throw mapApiError(reply.error, what);
    }
    const { seq, hdrs, data } = reply.value.message;
    const header = MSG_ID.exec(Buffer.from(hdrs ?? '', 'base64').toString())?.[1];
    // 44 bytes of body hold the id; base64 turns 3 bytes into 4 characters.
    const body = BODY_ID.exec(Buffer.from((data ?? '').slice(0, 64), 'base64').toString())?.[1];
    return { seq, id: header ?? body };
  }
}

/** Whether an id has the form of ours: UUID version 8 (RFC 9562); such ids of one history sort in commit order. */
export function isOwnForm(id: string | undefined): id is string {
  return id !== undefined && /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);
}
