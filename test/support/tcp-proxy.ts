import { connect, createServer, type Server, type Socket } from 'node:net';
import { type ChunkFilter, type Conditions, type Direction, type Drip, Lane } from './proxy-lane.js';

/** Sees (and may change or drop) what flows from the server to the client. */
export type ServerToClientFilter = ChunkFilter;

export type ProxyDirection = 'toServer' | 'toClient';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly lanes: Readonly<Record<ProxyDirection, Lane>>;
}

/**
 * A TCP proxy between what is tested and its server, which can fail in all the ways that networks do. It takes in no
 * more than LANE_BYTES each way of a connection that the receiver has not taken: a sender meets back-pressure.
 */
export class TcpProxy implements AsyncDisposable {
  private readonly pairs = new Set<Pair>();
  /** Connections that lead nowhere. */
  private readonly silent = new Set<Socket>();
  private readonly conditions: Conditions = { stalled: false, latencyMs: 0, drip: undefined };
  private readonly directions: Readonly<Record<ProxyDirection, Direction>> = {
    toServer: { filter: undefined, cutAfter: undefined },
    toClient: { filter: undefined, cutAfter: undefined },
  };
  private refusing = false;
  private leadsNowhere = false;
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(
    private readonly listener: Server,
    private readonly targetPort: number,
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const proxy = new TcpProxy(listener, targetPort);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, server } of this.pairs) reset(client, server);
    this.pairs.clear();
    reset(...this.silent);
  }

  /**
   * Lets so many bytes more through in that direction, whichever connections they belong to, and resets the one that
   * carried the last of them. Undefined calls it off.
   */
  cutAfter(bytes: number | undefined, direction: ProxyDirection): void {
    this.directions[direction].cutAfter = bytes;
  }

  /** Lets nothing through in either direction, and closes nothing. */
  stall(): void {
    this.conditions.stalled = true;
  }

  /** Lets through again, what was held back first. */
  resume(): void {
    this.conditions.stalled = false;
    this.pump();
  }

  /** Takes connections and resets them at once. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
  }

  /**
   * Takes new connections and never says a word: the server learns nothing of them. They stay silent afterwards too,
   * until their client gives them up or `cut`.
   */
  halfOpen(leadsNowhere: boolean): void {
    this.leadsNowhere = leadsNowhere;
  }

  /** Ends one direction of every connection in order, as shutdown(2) does; the other goes on. */
  halfClose(direction: ProxyDirection): void {
    for (const { lanes } of this.pairs) lanes[direction].shutDown();
  }

  /** Delays all that is sent from now on, each way, by so many milliseconds. 0 ends it. */
  latency(ms: number): void {
    this.conditions.latencyMs = ms;
  }

  /** Lets so many bytes through at a time, each way of each connection. Undefined ends it. */
  drip(drip: Drip | undefined): void {
    this.conditions.drip = drip;
    this.pump();
  }

  /** Keeps back what the clients of the present connections send from now on; new connections pass. */
  hold(): void {
    for (const { lanes } of this.pairs) lanes.toServer.held = true;
  }

  /** Delivers what `hold` kept back, late; connections whose client has gone end then. */
  release(): void {
    for (const { lanes } of this.pairs) lanes.toServer.held = false;
    this.pump();
  }

  /** Bytes that `hold` keeps back. */
  get heldBytes(): number {
    const held = [...this.pairs].map(({ lanes }) => lanes.toServer).filter((lane) => lane.held);
    return held.reduce((sum, lane) => sum + lane.bytes, 0);
  }

  /** Passes what the server sends through the filter; undefined drops the chunk. */
  filterReplies(filter: ChunkFilter | undefined): void {
    this.directions.toClient.filter = filter;
  }

  /** Passes what the client sends through the filter; undefined drops the chunk. */
  filterRequests(filter: ChunkFilter | undefined): void {
    this.directions.toServer.filter = filter;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.listener.close(() => resolve()));
  }

  private accept(client: Socket): void {
    this.accepted += 1;
    client.setNoDelay(true);
    // The end of a connection is told by 'close'.
    client.on('error', () => undefined);
    if (this.refusing) reset(client);
    else if (this.leadsNowhere) {
      this.silent.add(client);
      client.once('close', () => this.silent.delete(client));
    } else this.join(client);
  }

  private join(client: Socket): void {
    const server = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true });
    server.setNoDelay(true);
    server.on('error', () => undefined);
    const lane = (direction: ProxyDirection) => {
      const [from, to] = direction === 'toServer' ? [client, server] : [server, client];
      return new Lane(from, to, this.conditions, this.directions[direction], () => reset(client, server));
    };
    const pair: Pair = { client, server, lanes: { toServer: lane('toServer'), toClient: lane('toClient') } };
    this.pairs.add(pair);
    const onClose = () => {
      if (client.closed && server.closed) this.pairs.delete(pair);
    };
    client.once('close', onClose);
    server.once('close', onClose);
    client.resume();
  }

  private pump(): void {
    for (const { lanes } of this.pairs) {
      lanes.toServer.pump();
      lanes.toClient.pump();
    }
  }
}

/** Like `resetAndDestroy`, which however tells the peer of an orderly end first. */
function reset(...sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    // One that has said its end can no longer be reset.
    if (!socket.writableEnded) Object.assign(socket, { resetAndClosing: true });
    socket.destroy();
  }
}
