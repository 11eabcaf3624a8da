import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

export interface TlsTerminatorOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Asks for a client's certificate of this authority. */
  readonly clientCaFile?: string;
}

/** Speaks TLS (HTTP/2) with clients and plain text with a server that cannot: what a load balancer does. */
export class TlsTerminator implements AsyncDisposable {
  private readonly sockets = new Set<TLSSocket>();

  private constructor(private readonly server: Server) {
    server.on('tlsClientError', () => undefined);
  }

  static async start(targetPort: number, options: TlsTerminatorOptions): Promise<TlsTerminator> {
    const { certFile, keyFile, clientCaFile } = options;
    const server = createServer({
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ALPNProtocols: ['h2'],
      ...(clientCaFile === undefined ? {} : { ca: readFileSync(clientCaFile), requestCert: true }),
    });
    const terminator = new TlsTerminator(server);
    server.on('secureConnection', (client) => terminator.accept(client, targetPort));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return terminator;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the terminator is closed');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(client: TLSSocket, targetPort: number): void {
    this.sockets.add(client);
    const server = connect({ port: targetPort, host: '127.0.0.1' });
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.on('close', () => {
      this.sockets.delete(client);
      server.destroy();
    });
  }
}
