import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

import pg from 'pg';

import { FrameReader } from './frame-reader.js';

/** What pg's Connection has beside what its typings tell. */
interface UntypedConnection {
  attachListeners(stream: EventEmitter): void;
  upgradeToSSL(host: string, reportStreamError: (error: Error) => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}
interface ConnectionConfig {
  readonly ssl: false | ConnectionOptions;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMillis: number;
  readonly stream?: () => Duplex;
}
const BaseConnection = pg.Connection as unknown as new (config: ConnectionConfig) => pg.Connection & UntypedConnection;

/** One read of the socket: large enough for a good gulp, small enough to bound what a pause still lets in. */
export const READ_BYTES = 64 * 1024;

export interface PgConnectionOptions {
  readonly ssl: false | ConnectionOptions;
  readonly keepAliveInitialDelayMillis: number;
  /** The name the server's certificate must carry, when it is not the host's. */
  readonly tlsServerName: string | undefined;
}

/** A pg connection whose TLS handshake can ask for another server name than the host's. */
export class NamedConnection extends BaseConnection {
  private readonly tlsServerName: string | undefined;

  constructor(options: PgConnectionOptions, stream?: () => Duplex) {
    super({
      ssl: options.ssl,
      keepAlive: true,
      keepAliveInitialDelayMillis: options.keepAliveInitialDelayMillis,
      ...(stream === undefined ? {} : { stream }),
    });
    this.tlsServerName = options.tlsServerName;
  }

  override upgradeToSSL(host: string, reportStreamError: (error: Error) => void): void {
    super.upgradeToSSL(this.tlsServerName ?? host, reportStreamError);
  }
}

/**
 * A plain socket that reads into one buffer: nothing is allocated per read, and pause() stops reading at once instead of
 * filling the stream's own buffer first. Node offers this for plain sockets, not for TLS over one.
 */
function gulpSocket(receive: (buffer: Buffer, bytes: number) => void): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (bytes: number): boolean => {
    receive(buffer, bytes);
    return true;
  };
  // Missing in the typings of new Socket, present in those of net.connect and in Node's documentation of both.
  const options: object = { onread: { buffer, callback } };
  return new Socket(options);
}

/** What the replication stream does with what comes. */
export interface ConnectionEvents {
  /** One CopyData: its payload is bytes start..end of `buffer`, valid only during the call. */
  copyData(buffer: Buffer, start: number, end: number): void;
  /** A read of the socket was taken in: its size, and the messages that ended in it. */
  gulp(bytes: number, frames: number): void;
  /** A throw while a read was taken in; the connection is being destroyed. */
  broken(error: unknown): void;
}

/**
 * The replication connection. It cuts the byte stream into messages itself, from the very first byte: CopyData goes
 * straight to the stream without an object per message, all else to pg's own parser, through an emitter that stands in
 * for the socket. Taking over later, at replicationStart, would lose what came in the same read as CopyBothResponse.
 */
export class PgConnection extends NamedConnection {
  readonly reader: FrameReader;
  private readonly parserInput = new EventEmitter();
  /** Bytes of the TLS records since the last gulp, and the messages before them. */
  private recordBytes = 0;
  private framesBefore = 0;

  constructor(
    options: PgConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    let receive = (_buffer: Buffer, _bytes: number): void => undefined;
    super(options, options.ssl === false ? () => gulpSocket((buffer, bytes) => receive(buffer, bytes)) : undefined);
    receive = (buffer, bytes) => this.receive(buffer, bytes);
    this.reader = new FrameReader({
      copyData: (buffer, start, end) => this.events.copyData(buffer, start, end),
      other: (message) => this.parserInput.emit('data', message),
    });
  }

  override attachListeners(stream: EventEmitter): void {
    super.attachListeners(this.parserInput);
    stream.on('data', (chunk: Buffer) => this.receiveRecord(chunk));
  }

  /** Cuts the connection at once; the reason reaches whoever waits for an answer. */
  destroy(error?: Error): void {
    this.stream.destroy(error);
  }

  /** One read of a plain socket. */
  private receive(buffer: Buffer, bytes: number): void {
    const before = this.reader.frames;
    this.guard(() => {
      this.reader.push(buffer, bytes);
      this.events.gulp(bytes, this.reader.frames - before);
    });
  }

  /**
   * One TLS record, which is one message of the walsender: a read of the socket gives a row of them, all in one turn of
   * the event loop. Only together they are the gulp that coalescing and the sink need to see, as large as one read of a
   * plain socket.
   */
  private receiveRecord(chunk: Buffer): void {
    if (this.recordBytes === 0) {
      this.framesBefore = this.reader.frames;
      setImmediate(() => this.endRecords());
    }
    this.recordBytes += chunk.length;
    this.guard(() => this.reader.push(chunk));
    if (this.recordBytes >= READ_BYTES) this.endRecords();
  }

  private endRecords(): void {
    const bytes = this.recordBytes;
    if (bytes === 0) return;
    this.recordBytes = 0;
    this.guard(() => this.events.gulp(bytes, this.reader.frames - this.framesBefore));
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.events.broken(error);
      this.destroy(error instanceof Error ? error : undefined);
    }
  }
}
