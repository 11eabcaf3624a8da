import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { EventMaker, testEventId } from '../testing/outgoing-events.js';
import { countMessageIds, RequestWriter } from './request-writer.js';

const { PublishRequest, PublishResponse } = protos.google.pubsub.v1;
const PATH = Buffer.from('projects/my-project/topics/app.public_items');

function write(writer: RequestWriter, events: readonly OutgoingEvent[], key: string): Buffer {
  const orderingKey = Buffer.from(key);
  let bytes = writer.headBytes(PATH);
  for (const event of events) bytes += writer.messageBytes(event, orderingKey);
  const out = Buffer.alloc(bytes);
  expect(writer.write(out, PATH, orderingKey, events, 0, events.length)).toBe(bytes);
  return out;
}

/** As Google's own library reads it. */
function read(request: Buffer) {
  const { topic, messages } = PublishRequest.decode(request);
  return {
    topic,
    messages: messages.map(({ data, attributes, orderingKey }) => ({
      body: Buffer.from(data as Uint8Array).toString('utf8'),
      attributes: { ...attributes },
      orderingKey,
    })),
  };
}

describe('a publish request', () => {
  it('holds body, attributes and ordering key of each event', () => {
    const events = new EventMaker('app').batch(3, (i) => ({ fillBytes: i * 300 }));
    const { topic, messages } = read(write(new RequestWriter(false), events, '17'));
    expect(topic).toBe(PATH.toString());
    expect(messages).toEqual(
      events.map((event, i) => ({
        body: event.slab.toString('utf8', event.start, event.end),
        attributes: {
          id: testEventId(i + 1),
          'content-type': 'application/json',
          lsn: event.tx.lsnText,
          ordinal: '0',
        },
        orderingKey: '17',
      })),
    );
  });

  it('holds transaction, table and action with metadata, and no ordering key when there is none', () => {
    const event = { ...new EventMaker('app').next({ action: 'DELETE', table: 'naïve' }), ordinal: 1234567890 };
    expect(read(write(new RequestWriter(true), [event], '')).messages[0]).toMatchObject({
      attributes: {
        ordinal: '1234567890',
        xid: '701',
        'commit-time': '2026-01-02T03:04:05.678901Z',
        table: 'public.naïve',
        action: 'DELETE',
      },
      orderingKey: '',
    });
  });

  it('takes bodies and ordinals of every length', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(16_000, 16_200, 16_384, 70_000));
    const writer = new RequestWriter(true);
    const maker = new EventMaker('app');
    fc.assert(
      fc.property(fc.array(fc.tuple(lengths, fc.nat()), { maxLength: 20 }), (sizes) => {
        const events = sizes.map(([fillBytes, ordinal]) => ({ ...maker.next({ fillBytes }), ordinal }));
        const { messages } = read(write(writer, events, '255'));
        expect(messages.map((message) => [message.body, message.attributes['ordinal']])).toEqual(
          events.map((event) => [event.slab.toString('utf8', event.start, event.end), String(event.ordinal)]),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('holds only the events asked for', () => {
    const writer = new RequestWriter(false);
    const events = new EventMaker('app').batch(5);
    const key = Buffer.from('1');
    let bytes = writer.headBytes(PATH);
    for (const event of events.slice(1, 3)) bytes += writer.messageBytes(event, key);
    const out = Buffer.alloc(bytes);
    expect(writer.write(out, PATH, key, events, 1, 3)).toBe(bytes);
    const { messages } = read(out);
    expect(messages.map((message) => message.attributes['id'])).toEqual([testEventId(2), testEventId(3)]);
  });
});

describe('the answer to a publish request', () => {
  const encode = (messageIds: string[]) => Buffer.from(PublishResponse.encode({ messageIds }).finish());

  it.each([0, 1, 2, 1000])('with %i message ids is counted', (count) => {
    const ids = Array.from({ length: count }, (_, i) => (i % 7 === 0 ? 'x'.repeat(200) : String(i)));
    expect(countMessageIds(encode(ids))).toBe(count);
  });

  it('is refused when it is cut off or something else', () => {
    const whole = encode(['12345', '67890']);
    for (let i = 1; i < whole.length; i++) {
      if (i !== 7) expect(countMessageIds(whole.subarray(0, i))).toBe(-1);
    }
    expect(countMessageIds(Buffer.from([0x12, 0]))).toBe(-1);
  });
});
