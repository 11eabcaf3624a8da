import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventId, type OutgoingEvent } from '#lib/events';
import { EventMaker } from '../testing/outgoing-events.js';
import { FrameWriter } from './frame-writer.js';

interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly size: number;
  readonly payload: Buffer;
  readonly rest: Buffer;
}
interface Decoded {
  readonly id?: number;
  readonly size?: number;
  readonly fields?: Readonly<Record<string, unknown>>;
}
/** The client's own decoder, which is not exported. */
const require = createRequire(import.meta.url);
const { parseFrame, decodeFrame } = require(join(dirname(require.resolve('amqplib')), 'lib/frame.js')) as {
  readonly parseFrame: (bytes: Buffer, max?: number) => Frame | undefined;
  readonly decodeFrame: (frame: Frame) => Decoded;
};

const CHANNEL = 258;
const PUBLISH_ID = (60 << 16) | 40;

interface Message {
  readonly method: Decoded;
  readonly header: Decoded;
  readonly body: Buffer;
  readonly bodyFrames: readonly number[];
}

/** What a broker reads in these bytes. */
function read(bytes: Buffer): readonly Message[] {
  const messages: Message[] = [];
  let rest = bytes;
  const next = () => {
    const frame = parseFrame(rest);
    if (frame === undefined) throw new Error('the bytes end within a frame');
    expect(frame.channel).toBe(CHANNEL);
    ({ rest } = frame);
    return frame;
  };
  while (rest.length > 0) {
    const method = decodeFrame(next());
    const header = decodeFrame(next());
    const parts: Buffer[] = [];
    for (let left = header.size ?? 0; left > 0;) {
      const frame = next();
      expect(frame.type).toBe(3);
      parts.push(frame.payload);
      left -= frame.payload.length;
    }
    messages.push({ method, header, body: Buffer.concat(parts), bodyFrames: parts.map((part) => part.length) });
  }
  return messages;
}

function bodyOf(event: OutgoingEvent): string {
  return event.slab.toString('utf8', event.start, event.end);
}

/** All bytes that the writer makes of the events. */
function written(writer: FrameWriter, events: readonly OutgoingEvent[]): Buffer {
  const taken: Buffer[] = [];
  for (const event of events) {
    const { route, slab, start, end } = event;
    if (writer.tryAppend(event, route.topic, slab, start, end)) continue;
    taken.push(writer.take());
    expect(writer.tryAppend(event, route.topic, slab, start, end)).toBe(true);
  }
  taken.push(writer.take());
  return Buffer.concat(taken);
}

describe('FrameWriter', () => {
  it('writes a persistent, mandatory message with id and headers, as the client itself reads it', () => {
    const event = { ...new EventMaker('app').next(), ordinal: 4_000_000_000 };
    const [message] = read(written(new FrameWriter(CHANNEL, 4096, 'app', true), [event]));
    expect(message?.method).toMatchObject({
      id: PUBLISH_ID,
      fields: { exchange: 'app', routingKey: 'app.public_items', mandatory: true, immediate: false },
    });
    expect(message?.header.fields).toMatchObject({
      contentType: 'application/json',
      deliveryMode: 2,
      messageId: eventId(event),
      headers: {
        lsn: event.tx.lsnText,
        ordinal: 4_000_000_000,
        xid: event.tx.xid,
        'commit-time': event.tx.commitTime,
        table: 'public.items',
        action: 'INSERT',
      },
    });
    expect(message?.body.toString()).toBe(bodyOf(event));
  });

  it('has only lsn and ordinal as headers without metadata', () => {
    const event = new EventMaker('app').next();
    const [message] = read(written(new FrameWriter(CHANNEL, 4096, 'app', false), [event]));
    expect(message?.header.fields?.['headers']).toEqual({ lsn: event.tx.lsnText, ordinal: 0 });
  });

  it('writes any events in any number, bodies cut to the largest frame', () => {
    const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(20_000), fc.constantFrom(100_000, 200_000)), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.constantFrom(4096, 131_072), fc.boolean(), (fills, frameMax, metadata) => {
        const maker = new EventMaker('app');
        const events = fills.map((fillBytes, i) => maker.next({ fillBytes, table: `t${i % 3}_ü` }));
        const messages = read(written(new FrameWriter(CHANNEL, frameMax, 'app', metadata), events));
        expect(messages.map(({ body }) => body.toString())).toEqual(events.map(bodyOf));
        expect(messages.map(({ header }) => header.fields?.['messageId'])).toEqual(events.map(eventId));
        for (const { bodyFrames } of messages) {
          for (const bytes of bodyFrames) expect(bytes).toBeLessThanOrEqual(frameMax - 8);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('never writes again what was taken', () => {
    const maker = new EventMaker('app');
    const writer = new FrameWriter(CHANNEL, 4096, 'app', false);
    const first = written(writer, [maker.next()]);
    const copy = Buffer.from(first);
    written(writer, maker.batch(500));
    expect(first.equals(copy)).toBe(true);
  });
});
