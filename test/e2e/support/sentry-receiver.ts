import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A report as Sentry takes it; what the tests look at. */
export interface ReceivedEvent {
  readonly level: string;
  readonly release: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly fingerprint: readonly string[];
  readonly exception: {
    readonly values: readonly {
      readonly type: string;
      readonly value: string;
      readonly stacktrace?: { readonly frames: readonly { readonly filename?: string }[] };
    }[];
  };
}

/** What stands in for Sentry: takes envelopes at `/api/1/envelope/` and keeps them. */
export class SentryReceiver implements AsyncDisposable {
  readonly events: ReceivedEvent[] = [];
  /** Everything received, headers of requests included. */
  readonly raw: string[] = [];
  /** How the next requests are answered: with this status, or (`stall`) never. */
  answer: number | 'stall' = 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SentryReceiver> {
    const server = createServer();
    const receiver = new SentryReceiver(server);
    server.on('request', (request, response) => void receiver.take(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  /** A DSN whose secret part is `secret`. */
  dsn(secret: string): string {
    return `http://public:${secret}@127.0.0.1:${String((this.server.address() as AddressInfo).port)}/1`;
  }

  codes(): string[] {
    return this.events.map(({ tags }) => tags['code'] ?? '');
  }

  forget(): void {
    this.events.length = 0;
    this.raw.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
    this.raw.push(`${request.method ?? ''} ${request.url ?? ''}\n${text}`);
    if (request.url?.startsWith('/api/1/envelope/') === true) this.events.push(...eventsOf(text));
    if (this.answer === 'stall') return;
    response.writeHead(this.answer).end('{}');
  }
}

/** An envelope is a header line, then a header line and a payload line for each item. */
function eventsOf(envelope: string): ReceivedEvent[] {
  const lines = envelope.split('\n').filter((line) => line !== '');
  const items = lines.slice(1).map((line) => JSON.parse(line) as unknown);
  return items.filter((_, index) => isEventHeader(items[index - 1])) as ReceivedEvent[];
}

function isEventHeader(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'type' in item && item.type === 'event';
}
