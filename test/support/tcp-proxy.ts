import { connect, createServer, type Server, type Socket } from 'node:net';

/** Sees (and may change or drop) what flows from the server to the client. */
export type ServerToClientFilter = (chunk: Buffer) => Buffer | undefined;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A TCP proxy between what is tested and its server, which can fail in all the ways that networks do. */
export class TcpProxy implements AsyncDisposable {
  private readonly pairs = new Set<Pair>();
  private stalled = false;
  private refusing = false;
  private held: (() => void)[] = [];
  private filter: ServerToClientFilter | undefined;
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(
    private readonly listener: Server,
    private readonly targetPort: number,
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const listener = createServer({ pauseOnConnect: true });
    const proxy = new TcpProxy(listener, targetPort);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return `127.0.0.1:${String(address.port)}`;
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.pairs.clear();
  }

  /** Lets nothing through in either direction, and closes nothing. */
  stall(): void {
    this.stalled = true;
  }

  /** Lets through again, what was held back first. */
  resume(): void {
    this.stalled = false;
    const { held } = this;
    this.held = [];
    for (const send of held) send();
  }

  /** Takes connections and resets them at once. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
  }

  /** Passes what the server sends through the filter; undefined drops the chunk. */
  filterReplies(filter: ServerToClientFilter | undefined): void {
    this.filter = filter;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.listener.close(() => resolve()));
  }

  private accept(client: Socket): void {
    this.accepted += 1;
    if (this.refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.targetPort, host: '127.0.0.1' });
    const pair = { client, server };
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', () => this.onClose(end));
    }
    client.on('data', (chunk) => this.pass(chunk, server));
    server.on('data', (chunk) => {
      const passed = this.filter === undefined ? chunk : this.filter(chunk);
      if (passed !== undefined) this.pass(passed, client);
    });
    client.resume();
  }

  /** A stalled network does not tell of a close either: what was sent before it arrives when the stall is over. */
  private onClose(end: () => void): void {
    if (this.stalled) this.held.push(end);
    else end();
  }

  private pass(chunk: Buffer, to: Socket): void {
    const send = () => {
      if (to.writable) to.write(chunk);
    };
    if (this.stalled) this.held.push(send);
    else send();
  }
}
