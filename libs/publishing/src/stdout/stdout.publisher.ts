import type { Writable } from 'node:stream';
import type { OutgoingEvent } from '#lib/events';
import { aborted, AppError, type Metrics, withTimeout } from '#lib/kernel';
import type { Publisher, PublisherListener } from '../publisher.js';
import { indentJson } from './indent-json.js';

const NEWLINE = Buffer.from('\n');
/** Lines gathered into one write; larger writes would only hold memory longer. */
const WRITE_BYTES = 256 * 1024;

/** Streams that have a listener for errors for good: one that comes after close would be an uncaught exception. */
const guarded = new WeakSet<Writable>();

export interface StdoutOptions {
  readonly stream: Writable;
  /** Indent each event with two spaces instead of one line per event. */
  readonly pretty: boolean;
  readonly metrics: Metrics;
}

interface PendingWrite {
  readonly chunk: Buffer;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/**
 * One JSON text per event to a stream. An event is settled when the stream's write callback says that its line was
 * handed over; a reader that has gone (EPIPE) or any other write error is fatal, since it never comes back.
 */
export class StdoutPublisher implements Publisher {
  private readonly queue: PendingWrite[] = [];
  private writing: PendingWrite | undefined;
  private closed = false;
  private idle: (() => void) | undefined;
  private readonly onError = (error: Error) => this.fail(error);

  constructor(
    private readonly options: StdoutOptions,
    private readonly listener: PublisherListener,
  ) {}

  /**
   * Waits until the reader has taken what an earlier attempt left with the stream: each attempt would otherwise leave a
   * write more there, for as long as the reader stands still.
   */
  async open(signal: AbortSignal): Promise<void> {
    const { stream } = this.options;
    if (!guarded.has(stream)) {
      guarded.add(stream);
      stream.on('error', () => undefined);
    }
    if (stream.writableLength > 0) {
      const taken = new Promise<void>((resolve, reject) => {
        stream.write('', (error) => (error ? reject(writeError(error)) : resolve()));
      });
      const stopped = aborted(signal).then(() => {
        throw new AppError('BROKER_UNREACHABLE', 'standard output is not read');
      });
      await Promise.race([taken, stopped]);
    }
    stream.on('error', this.onError);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (this.closed) return;
    this.options.metrics.publishAttempts(events.length);
    let start = 0;
    let bytes = 0;
    for (let i = 0; i < events.length; i++) {
      const event = events[i];
      bytes += event === undefined ? 0 : event.end - event.start + 1;
      if (bytes >= WRITE_BYTES || i === events.length - 1) {
        this.enqueue(events.slice(start, i + 1));
        start = i + 1;
        bytes = 0;
      }
    }
    this.writeNext();
  }

  checkHealth(): Promise<void> {
    if (!this.options.stream.destroyed) return Promise.resolve();
    return Promise.reject(new AppError('BROKER_UNREACHABLE', 'standard output is closed'));
  }

  async close(graceMs: number): Promise<void> {
    this.closed = true;
    this.queue.length = 0;
    if (this.writing !== undefined) {
      const written = new Promise<void>((resolve) => (this.idle = resolve));
      await withTimeout(written, graceMs, () => new Error('still writing')).catch(() => undefined);
    }
    this.options.stream.off('error', this.onError);
  }

  private enqueue(events: readonly OutgoingEvent[]): void {
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    const parts: Buffer[] = [];
    for (const event of events) {
      const json = event.slab.subarray(event.start, event.end);
      parts.push(this.options.pretty ? indentJson(json) : json, NEWLINE);
    }
    this.queue.push({ chunk: Buffer.concat(parts), fromSeq: first.seq, toSeq: last.seq });
  }

  /** One write at a time: its callback is both the acknowledgement and the stream's back-pressure. */
  private writeNext(): void {
    if (this.writing !== undefined || this.closed) return;
    const write = this.queue.shift();
    if (write === undefined) return;
    this.writing = write;
    this.options.stream.write(write.chunk, (error) => {
      this.writing = undefined;
      if (error) this.fail(error);
      else this.listener.settled(write.fromSeq, write.toSeq);
      this.idle?.();
      this.writeNext();
    });
  }

  private fail(error: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.queue.length = 0;
    this.options.metrics.problem('publish');
    this.listener.failed(writeError(error));
  }
}

function writeError(error: Error): AppError {
  return new AppError('BROKER_CONFIG', `standard output cannot be written: ${error.message}`, {
    cause: error,
    remedy: 'The reader of the pipe has gone; start both again.',
  });
}
