import type { Socket } from 'node:net';
import { grpc } from 'google-gax';

type Connector = ReturnType<grpc.ChannelCredentials['_createSecureConnector']>;
type ConnectorArguments = Parameters<grpc.ChannelCredentials['_createSecureConnector']>;

/**
 * Channel credentials that know the sockets made with them. grpc-js offers no other way to cut a connection without the
 * kernel delivering what it still holds, nor to learn why a TLS handshake failed in more than words. Each instance has
 * connections of its own: the library shares them only between equal credentials.
 */
export class WatchedCredentials extends grpc.ChannelCredentials {
  private readonly sockets = new Set<Socket>();
  private cut = false;
  private failure: Error | undefined;

  constructor(private readonly inner: grpc.ChannelCredentials) {
    super();
  }

  /** Why the last connection could not be made, or broke; undefined when it did not. */
  get lastError(): Error | undefined {
    return this.failure;
  }

  /** Resets every connection: what was not sent yet never will be. No new one is made. */
  reset(): void {
    this.cut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
    this.sockets.clear();
  }

  override _isSecure(): boolean {
    return this.inner._isSecure();
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...parameters: ConnectorArguments): Connector {
    const connector = this.inner._createSecureConnector(...parameters);
    return {
      connect: (socket) => this.connect(connector, socket),
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }

  private async connect(connector: Connector, socket: Socket): ReturnType<Connector['connect']> {
    if (this.cut) {
      socket.resetAndDestroy();
      throw new Error('the connection was given up');
    }
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    // Without this a connection that breaks during the handshake would never be heard of.
    socket.once('error', (error) => (this.failure = error));
    try {
      const result = await connector.connect(socket);
      this.failure = undefined;
      // With TLS 1.3 a server refuses a client's certificate only after the handshake.
      result.socket.once('error', (error: Error) => (this.failure = error));
      return result;
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
}
