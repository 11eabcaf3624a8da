import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy on 127.0.0.1 that can fall silent (half-open), cut, or change what the client says. */
export class TcpProxy implements AsyncDisposable {
  /** Changes bytes on their way to the server. */
  rewrite: (bytes: Buffer) => Buffer = (bytes) => bytes;
  private readonly sockets = new Set<Socket>();
  private isSilent = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (client) => proxy.join(client, connect(targetPort, '127.0.0.1')));
    return proxy;
  }

  /** From here on nothing passes in either direction, and nobody is told. */
  silence(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket, server: Socket): void {
    const ends = [
      [client, server, (bytes: Buffer) => this.rewrite(bytes)],
      [server, client, (bytes: Buffer) => bytes],
    ] as const;
    for (const [from, to, change] of ends) {
      this.sockets.add(from);
      if (this.isSilent) from.pause();
      from.on('data', (bytes: Buffer) => to.write(change(bytes)));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}
