import { connect, createServer, type Server, type Socket } from 'node:net';

/** What one connection's client sent while it was held back. */
interface Held {
  readonly server: Socket;
  readonly chunks: Buffer[];
  clientGone: boolean;
}

/**
 * A TCP proxy that can keep back what the connections of now send, while new ones pass: as a network or a server's queue
 * does that delivers late, after the client has long gone on elsewhere.
 */
export class HoldingProxy implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  /** By connection, undefined = passes. */
  private readonly connections = new Set<{ held: Held | undefined; readonly server: Socket }>();
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(
    private readonly listener: Server,
    private readonly targetPort: number,
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  static async start(targetPort: number): Promise<HoldingProxy> {
    const listener = createServer();
    const proxy = new HoldingProxy(listener, targetPort);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return `127.0.0.1:${String(address.port)}`;
  }

  /** Keeps back what the connections of now send from now on. */
  hold(): void {
    for (const connection of this.connections) {
      connection.held = { server: connection.server, chunks: [], clientGone: false };
    }
  }

  /** Bytes kept back. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { held } of this.connections) for (const chunk of held?.chunks ?? []) bytes += chunk.length;
    return bytes;
  }

  /** Delivers what was kept back, late; connections whose client is gone end then. */
  release(): void {
    for (const connection of this.connections) {
      const { held } = connection;
      connection.held = undefined;
      if (held === undefined) continue;
      for (const chunk of held.chunks) held.server.write(chunk);
      if (held.clientGone) held.server.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.listener.close(() => resolve()));
  }

  private accept(client: Socket): void {
    this.accepted += 1;
    const server = connect({ port: this.targetPort, host: '127.0.0.1' });
    const connection: { held: Held | undefined; readonly server: Socket } = { held: undefined, server };
    this.connections.add(connection);
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      if (connection.held === undefined) server.write(chunk);
      else connection.held.chunks.push(chunk);
    });
    client.on('close', () => {
      if (connection.held === undefined) server.destroy();
      else connection.held.clientGone = true;
    });
    server.on('data', (chunk) => {
      if (client.writable) client.write(chunk);
    });
    server.on('close', () => {
      this.connections.delete(connection);
      client.destroy();
    });
  }
}
