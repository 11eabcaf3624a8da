import type { Socket } from 'node:net';
import { AppError, type CancelTimer, type Clock } from '#lib/kernel';
import { mapConnectionError } from '../map-kafka-error.js';
import { FrameReader } from './frame-reader.js';

interface Waiting {
  readonly correlationId: number;
  readonly timeoutMs: number;
  resolve(body: Buffer): void;
  reject(error: AppError): void;
}

/** Identifies the kind of a request on the wire. */
export interface ApiCall {
  readonly apiKey: number;
  readonly apiVersion: number;
}

const CORRELATION_BYTES = 4;
const INT32_MAX = 0x7fffffff;

/**
 * One connection to one broker, never re-made. The broker answers in the order of the requests, so the one that waits
 * longest is watched: whatever keeps its answer for too long ends the connection, and all that wait with it.
 */
export class KafkaConnection {
  private readonly waiting: Waiting[] = [];
  private readonly frames = new FrameReader();
  private readonly clientId: Buffer;
  private correlationId = 0;
  private reason: AppError | undefined;
  private retiredBy: AppError | undefined;
  private cancelDeadline: CancelTimer | undefined;
  /** The broker takes nothing from us until then (quota); by the clock. */
  private mutedUntilMs = 0;

  /**
   * @param broker `host:port`, for messages
   * @param onLost called once, before what waits is rejected; not after `destroy`
   */
  constructor(
    private readonly socket: Socket,
    readonly broker: string,
    clientId: string,
    private readonly clock: Clock,
    private readonly onLost: (error: AppError, outstanding: number) => void,
  ) {
    const name = Buffer.from(clientId);
    this.clientId = Buffer.alloc(2 + name.length);
    this.clientId.writeInt16BE(name.length);
    name.copy(this.clientId, 2);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('error', (error) => this.lose(error));
    socket.on('close', () => this.lose(closedBy(broker)));
  }

  /** Why the connection can no longer be used; undefined while it can. */
  get lostBy(): AppError | undefined {
    return this.reason;
  }

  /** Requests without an answer. */
  get outstanding(): number {
    return this.waiting.length;
  }

  /**
   * Writes a request at once and gives the body of its answer.
   * @param parts the request's body; not copied, so not to be changed until the answer
   * @param timeoutMs how long the broker may take, from when it has answered all earlier requests
   * @throws AppError BROKER_UNREACHABLE, BROKER_TIMEOUT, BROKER_TLS
   */
  request(call: ApiCall, parts: readonly Buffer[], timeoutMs: number): Promise<Buffer> {
    if (this.reason !== undefined) return Promise.reject(this.reason);
    const correlationId = this.correlationId;
    this.correlationId = correlationId === INT32_MAX ? 0 : correlationId + 1;
    const { socket } = this;
    socket.cork();
    socket.write(this.requestHeader(call, correlationId, parts));
    for (const part of parts) socket.write(part);
    socket.uncork();
    return new Promise((resolve, reject) => {
      this.waiting.push({ correlationId, timeoutMs, resolve, reject });
      if (this.waiting.length === 1) this.watch();
    });
  }

  /** The broker says that it takes nothing for `ms` because of a quota; its answers come later by as much. */
  muted(ms: number): void {
    if (ms <= 0) return;
    this.mutedUntilMs = Math.max(this.mutedUntilMs, this.clock.now() + ms);
    if (this.waiting.length > 0) this.watch();
  }

  /** Ends the connection at once; what waits rejects with `error`. */
  destroy(error: AppError): void {
    this.end(error, false);
  }

  /** Ends the connection as soon as all that waits is answered; nothing more is to be asked. */
  retire(error: AppError): void {
    this.retiredBy = error;
    if (this.waiting.length === 0) this.destroy(error);
  }

  private requestHeader(call: ApiCall, correlationId: number, parts: readonly Buffer[]): Buffer {
    const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
    const header = Buffer.alloc(12 + this.clientId.length);
    header.writeInt32BE(header.length - 4 + bodyBytes, 0);
    header.writeInt16BE(call.apiKey, 4);
    header.writeInt16BE(call.apiVersion, 6);
    header.writeInt32BE(correlationId, 8);
    this.clientId.copy(header, 12);
    return header;
  }

  private onData(chunk: Buffer): void {
    if (this.reason !== undefined) return;
    try {
      for (const frame of this.frames.push(chunk)) this.answer(frame);
    } catch (error) {
      this.lose(error);
    }
  }

  private answer(frame: Buffer): void {
    const waiting = this.waiting.shift();
    if (waiting === undefined || frame.readInt32BE(0) !== waiting.correlationId) {
      if (waiting !== undefined) this.waiting.unshift(waiting);
      throw new RangeError('an answer came that nobody waits for');
    }
    this.watch();
    waiting.resolve(frame.subarray(CORRELATION_BYTES));
    if (this.retiredBy !== undefined && this.waiting.length === 0) this.destroy(this.retiredBy);
  }

  /** Gives the request that waits longest its time, beginning now. */
  private watch(): void {
    this.cancelDeadline?.();
    this.cancelDeadline = undefined;
    const next = this.waiting[0];
    if (next === undefined) return;
    const mutedMs = Math.max(0, this.mutedUntilMs - this.clock.now());
    this.cancelDeadline = this.clock.after(next.timeoutMs + mutedMs, () => this.overdue(next));
  }

  private overdue(request: Waiting): void {
    const seconds = (request.timeoutMs / 1000).toFixed(1);
    this.lose(new AppError('BROKER_TIMEOUT', `Kafka broker ${this.broker} has not answered for ${seconds} s`));
  }

  private lose(error: unknown): void {
    this.end(mapConnectionError(error, this.broker), true);
  }

  private end(error: AppError, tell: boolean): void {
    if (this.reason !== undefined) return;
    this.reason = error;
    this.cancelDeadline?.();
    this.socket.destroy();
    const waiting = this.waiting.splice(0);
    if (tell) this.onLost(error, waiting.length);
    for (const request of waiting) request.reject(error);
  }
}

function closedBy(broker: string): AppError {
  return new AppError('BROKER_UNREACHABLE', `Kafka broker ${broker} closed the connection`, {
    remedy:
      'Retried for ever; check that the broker runs, and that the listener at publisher.address wants TLS and SASL just ' +
      'as configured (publisher.enableTLS, publisher.saslMechanism).',
  });
}
