import { Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { noMetrics } from '#lib/kernel';
import { EventMaker } from '../testing/outgoing-events.js';
import { RecordingListener } from '../testing/recording-listener.js';
import { StdoutPublisher } from './stdout.publisher.js';

/** A stream whose reader decides when (and whether) each write is taken. */
class SlowReader extends Writable {
  readonly chunks: string[] = [];
  private takesAll = false;
  private taking: ((error?: Error | null) => void)[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.chunks.push(chunk.toString());
    if (this.takesAll) callback();
    else this.taking.push(callback);
  }

  takeAll(): void {
    this.takesAll = true;
    this.take();
  }

  take(error?: Error): void {
    this.taking.shift()?.(error);
  }
}

async function setUp(pretty = false) {
  const stream = new SlowReader();
  const listener = new RecordingListener();
  const publisher = new StdoutPublisher({ stream, pretty, metrics: noMetrics }, listener);
  await publisher.open(new AbortController().signal);
  return { stream, listener, publisher };
}

describe('StdoutPublisher', () => {
  it('writes one line per event and settles it when the write was taken', async () => {
    const { stream, listener, publisher } = await setUp();
    const events = new EventMaker('app').batch(3);
    publisher.publish(events.slice(0, 2));
    publisher.publish(events.slice(2));
    expect(stream.chunks.join('').trimEnd().split('\n')).toHaveLength(2);
    expect(listener.seqs.size).toBe(0);
    stream.take();
    expect([...listener.seqs]).toEqual([1, 2]);
    stream.take();
    await listener.untilSettled(3);
    const lines = stream.chunks.join('').trimEnd().split('\n');
    expect(lines).toEqual(events.map((event) => event.slab.toString('utf8', event.start, event.end)));
  });

  it('writes nothing more while the reader does not take what is there', async () => {
    const { stream, publisher } = await setUp();
    const maker = new EventMaker('app');
    for (let i = 0; i < 10; i++) publisher.publish(maker.batch(10));
    expect(stream.chunks).toHaveLength(1);
    expect(stream.writableLength).toBeLessThan(10_000);
  });

  it('cuts a large batch into writes of bounded size', async () => {
    const { stream, listener, publisher } = await setUp();
    publisher.publish(new EventMaker('app').batch(10, () => ({ fillBytes: 100_000 })));
    while (listener.seqs.size < 10) {
      stream.take();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Math.max(...stream.chunks.map((chunk) => chunk.length))).toBeLessThan(500_000);
  });

  it('indents when it is to be pretty', async () => {
    const { stream, publisher } = await setUp(true);
    const [event] = new EventMaker('app').batch(1);
    if (event === undefined) throw new Error('no event');
    publisher.publish([event]);
    const value: unknown = JSON.parse(event.slab.toString('utf8', event.start, event.end));
    expect(stream.chunks.join('')).toBe(`${JSON.stringify(value, null, 2)}\n`);
  });

  it('fails for good when the reader has gone', async () => {
    const { stream, listener, publisher } = await setUp();
    publisher.publish(new EventMaker('app').batch(2));
    stream.take(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await listener.untilFailed()).toMatchObject({ code: 'BROKER_CONFIG', retriable: false });
    expect(listener.errors).toHaveLength(1);
    expect(listener.seqs.size).toBe(0);
    await publisher.close(0);
  });

  it('opens only when the reader took what an earlier attempt left, so that attempts do not pile up writes', async () => {
    const { stream, publisher } = await setUp();
    publisher.publish(new EventMaker('app').batch(1));
    await publisher.close(0);
    const next = () => new StdoutPublisher({ stream, pretty: false, metrics: noMetrics }, new RecordingListener());
    const stop = new AbortController();
    const stopped = next().open(stop.signal);
    const opened = vi.fn();
    const opening = next().open(new AbortController().signal).then(opened);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true });
    expect(opened).not.toHaveBeenCalled();
    stream.takeAll();
    await opening;
  });

  it('fails to open for good when the reader has gone meanwhile', async () => {
    const { stream, publisher } = await setUp();
    publisher.publish(new EventMaker('app').batch(1));
    await publisher.close(0);
    const next = new StdoutPublisher({ stream, pretty: false, metrics: noMetrics }, new RecordingListener());
    const opening = next.open(new AbortController().signal);
    stream.take(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await expect(opening).rejects.toMatchObject({ code: 'BROKER_CONFIG', retriable: false });
  });

  it('writes nothing after close and waits for the write under way', async () => {
    const { stream, listener, publisher } = await setUp();
    const maker = new EventMaker('app');
    publisher.publish(maker.batch(1));
    publisher.publish(maker.batch(1));
    const closing = publisher.close(5000);
    stream.take();
    await closing;
    publisher.publish(maker.batch(1));
    expect([...listener.seqs]).toEqual([1]);
    expect(stream.chunks).toHaveLength(1);
  });
});
