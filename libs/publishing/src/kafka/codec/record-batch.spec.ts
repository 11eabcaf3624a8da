import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventMaker } from '../../testing/outgoing-events.js';
import { BatchMemory } from './batch-memory.js';
import { crc32c } from './crc32c.js';
import { EventHeaders } from './event-headers.js';
import { BATCH_HEADER_BYTES, recordCountOf, sequenceAfter, stampBatch, timestampOf } from './record-batch-header.js';
import { type PlainRecord, RecordBatchWriter } from './record-batch-writer.js';
import { decodeBatch, decodeRecords } from './testing/decode-batch.js';
import { randomRecord } from './testing/random-records.js';

const require = createRequire(import.meta.url);
const KafkajsDecoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const kafkajsDecodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: object,
) => Promise<{ readonly records: readonly KafkajsRecord[]; readonly producerId: string }>;

interface KafkajsRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
}

const IDENTITY = { id: 0x1122334455667788n, epoch: 0x1234 };
const NOW_MS = 1_790_000_000_123;

const newWriter = (metadata = false) => new RecordBatchWriter(new EventHeaders(metadata), new BatchMemory());

function batchOf(records: readonly PlainRecord[]): Buffer {
  const writer = newWriter();
  for (const record of records) writer.append(record);
  const batch = writer.finish(NOW_MS);
  stampBatch(batch, IDENTITY, 42);
  return batch;
}

/** Comparing text is many times faster than comparing objects. */
const text = (records: readonly unknown[]) =>
  JSON.stringify(records, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

const buffer = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));

describe('a batch of records', () => {
  it('is, byte by byte, what the format says', () => {
    const batch = batchOf([{ key: Buffer.from('k'), value: Buffer.from('val'), headers: [['h', Buffer.from('x')]] }]);
    const fields = [
      '0000000000000000', // base offset
      '00000040', // batch length: all from here on
      'ffffffff', // partition leader epoch: none
      '02', // magic
      batch.toString('hex', 17, 21), // CRC, below
      '0000', // attributes
      '00000000', // last offset delta
      NOW_MS.toString(16).padStart(16, '0'), // base timestamp
      NOW_MS.toString(16).padStart(16, '0'), // max timestamp
      '1122334455667788', // producer id
      '1234', // producer epoch
      '0000002a', // base sequence
      '00000001', // records
      '1c', // length of the record: 14, zigzag
      '00', // attributes
      '00', // timestamp delta
      '00', // offset delta
      '026b', // key
      '0676616c', // value
      '02', // headers
      '0268', // its name
      '0278', // its value
    ];
    expect(batch.toString('hex')).toBe(fields.join(''));
    expect(batch.readUInt32BE(17)).toBe(crc32c(batch, 21, batch.length));
  });

  it('holds any records, as an independent reader sees them', () => {
    fc.assert(
      fc.property(fc.array(randomRecord, { minLength: 1, maxLength: 80 }), (records) => {
        const batch = batchOf(records);
        const decoded = decodeBatch(batch);
        expect(decoded).toMatchObject({
          baseOffset: 0n,
          batchLength: batch.length - 12,
          magic: 2,
          attributes: 0,
          crc: crc32c(batch, 21, batch.length),
          lastOffsetDelta: records.length - 1,
          recordCount: records.length,
          baseTimestamp: BigInt(NOW_MS),
          maxTimestamp: BigInt(NOW_MS),
          producerId: IDENTITY.id,
          producerEpoch: IDENTITY.epoch,
          baseSequence: 42,
        });
        const expected = records.map(({ key, value, headers }, offsetDelta) => ({
          offsetDelta,
          timestampDelta: 0n,
          key: buffer(key),
          value: buffer(value),
          headers: (headers ?? []).map(([name, bytes]) => [name, buffer(bytes)]),
        }));
        expect(text(decodeRecords(decoded.payload))).toBe(text(expected));
        expect(recordCountOf(batch)).toBe(records.length);
        expect(timestampOf(batch)).toBe(NOW_MS);
      }),
    );
  });

  it('holds any records, as kafkajs sees them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(randomRecord, { minLength: 1, maxLength: 20 }), async (records) => {
        const batch = batchOf(records);
        const decoded = await kafkajsDecodeBatch(new KafkajsDecoder(batch));
        expect(decoded.producerId).toBe(String(IDENTITY.id));
        const seen = decoded.records.map(({ key, value }) => [key, value]);
        expect(text(seen)).toBe(text(records.map(({ key, value }) => [buffer(key), buffer(value)])));
        expect(decoded.records.every(({ timestamp }) => timestamp === String(NOW_MS))).toBe(true);
      }),
    );
  });

  it('may be stamped again by another identity', () => {
    const batch = batchOf([{ key: null, value: Buffer.from('v') }]);
    stampBatch(batch, { id: 7n, epoch: 1 }, 99);
    const decoded = decodeBatch(batch);
    expect(decoded).toMatchObject({ producerId: 7n, producerEpoch: 1, baseSequence: 99 });
    expect(decoded.crc).toBe(crc32c(batch, 21, batch.length));
  });

  it('is never empty', () => {
    expect(() => newWriter().finish(NOW_MS)).toThrow(RangeError);
  });
});

describe('sequenceAfter', () => {
  it('goes on at 0 after the largest int32', () => {
    expect(sequenceAfter(0x7ffffffe, 1)).toBe(0x7fffffff);
    expect(sequenceAfter(0x7fffffff, 1)).toBe(0);
    expect(sequenceAfter(0x7ffffff0, 0x20)).toBe(0x10);
  });
});

describe('events as records', () => {
  const headersOf = (metadata: boolean, ...options: Parameters<EventMaker['next']>) => {
    const writer = newWriter(metadata);
    const maker = new EventMaker('shop');
    const events = [maker.next(), maker.next(...options)];
    for (const event of events) writer.tryAppend(event, Number.POSITIVE_INFINITY);
    const records = decodeRecords(decodeBatch(writer.finish(NOW_MS)).payload);
    return { event: events[1], record: records[1] };
  };

  it('have the key, the body and the headers that find their place', () => {
    const { event, record } = headersOf(false, { key: 'the key' });
    expect(record?.key?.toString()).toBe('the key');
    expect(record?.value).toEqual(event?.slab.subarray(event.start, event.end));
    const id = (JSON.parse(String(record?.value)) as { readonly id: string }).id;
    expect(record?.headers.map(([name, value]) => [name, String(value)])).toEqual([
      ['id', id],
      ['content-type', 'application/json'],
      ['lsn', event?.tx.lsnText],
      ['ordinal', '0'],
    ]);
  });

  it('have the metadata too when it is wanted', () => {
    const { event, record } = headersOf(true, { action: 'DELETE', table: 'größe' });
    expect(Object.fromEntries((record?.headers ?? []).map(([name, value]) => [name, String(value)]))).toMatchObject({
      xid: String(event?.tx.xid),
      'commit-time': event?.tx.commitTime,
      table: 'public.größe',
      action: 'DELETE',
    });
    expect(record?.headers).toHaveLength(8);
  });

  it.each([0, 9, 10, 99, 100, 4_294_967_295])('number %i is written in decimal', (ordinal) => {
    const writer = newWriter();
    const event = { ...new EventMaker('shop').next(), ordinal };
    writer.tryAppend(event, Number.POSITIVE_INFINITY);
    const [record] = decodeRecords(decodeBatch(writer.finish(NOW_MS)).payload);
    expect(String(record?.headers.at(-1)?.[1])).toBe(String(ordinal));
  });

  it('fill a batch to its last byte and not further', () => {
    const maker = new EventMaker('shop');
    const events = Array.from({ length: 150 }, (_, i) => maker.next({ fillBytes: i }));
    const whole = newWriter();
    for (const event of events) whole.tryAppend(event, Number.POSITIVE_INFINITY);
    const size = whole.byteLength;
    expect(whole.finish(NOW_MS)).toHaveLength(size);

    const fitting = newWriter();
    expect(events.every((event) => fitting.tryAppend(event, size))).toBe(true);
    const tight = newWriter();
    expect(events.filter((event) => tight.tryAppend(event, size - 1))).toHaveLength(events.length - 1);
    const batch = tight.finish(NOW_MS);
    stampBatch(batch, IDENTITY, 0);
    expect(decodeRecords(decodeBatch(batch).payload)).toHaveLength(events.length - 1);
  });

  it('say beforehand how large a batch of their own is', () => {
    const event = new EventMaker('shop').next({ fillBytes: 10_000 });
    const writer = newWriter(true);
    const expected = writer.batchBytesOf(event);
    writer.tryAppend(event, Number.POSITIVE_INFINITY);
    expect(writer.byteLength).toBe(expected);
    expect(expected).toBeGreaterThan(BATCH_HEADER_BYTES + 10_000);
  });

  it('lie in new memory once a batch is finished', () => {
    const writer = newWriter();
    const maker = new EventMaker('shop');
    writer.tryAppend(maker.next({ key: 'first' }), 10_000);
    const first = writer.finish(NOW_MS);
    writer.tryAppend(maker.next({ key: 'second' }), 10_000);
    writer.finish(NOW_MS);
    expect(decodeRecords(decodeBatch(first).payload)[0]?.key?.toString()).toBe('first');
  });
});
