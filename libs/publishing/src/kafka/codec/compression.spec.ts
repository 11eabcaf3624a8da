import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BatchMemory } from './batch-memory.js';
import { BatchCompressor, type ImportPackage } from './compression.js';
import { crc32c } from './crc32c.js';
import { EventHeaders } from './event-headers.js';
import { stampBatch } from './record-batch-header.js';
import { RecordBatchWriter } from './record-batch-writer.js';
import { decodeBatch } from './testing/decode-batch.js';

const notInstalled: ImportPackage = (name) => Promise.reject(new Error(`Cannot find package '${name}'`));

/** Stands for a codec: as many bytes, each turned over. */
const flip = (bytes: Uint8Array) => Buffer.from(Uint8Array.from(bytes, (byte) => byte ^ 0xff));
const flipCodec = { compress: ({ buffer }: { readonly buffer: Buffer }) => Promise.resolve(flip(buffer)) };

function batchOf(valueBytes: number): Buffer {
  const writer = new RecordBatchWriter(new EventHeaders(false), new BatchMemory());
  writer.append({ key: Buffer.from('key'), value: Buffer.alloc(valueBytes, 'abc') });
  return writer.finish(1_790_000_000_000);
}

async function load(...args: Parameters<typeof BatchCompressor.load>): Promise<BatchCompressor> {
  const compressor = await BatchCompressor.load(...args);
  if (compressor === undefined) throw new Error('there is nothing to compress with');
  return compressor;
}

describe('BatchCompressor', () => {
  it('is not needed for none', async () => {
    expect(await BatchCompressor.load('none', notInstalled)).toBeUndefined();
  });

  it('compresses the records and leaves the header', async () => {
    const plain = batchOf(100_000);
    const compressor = await load('gzip', notInstalled);
    const batch = await compressor.compress(plain);
    stampBatch(batch, { id: 7n, epoch: 2 }, 5);
    expect(batch.length).toBeLessThan(plain.length / 10);
    const decoded = decodeBatch(batch);
    expect(decoded).toMatchObject({
      attributes: 1,
      batchLength: batch.length - 12,
      crc: crc32c(batch, 21, batch.length),
      recordCount: 1,
      producerId: 7n,
      baseSequence: 5,
      baseTimestamp: 1_790_000_000_000n,
    });
    expect(gunzipSync(decoded.payload).equals(plain.subarray(61))).toBe(true);
  });

  it.each([
    [
      'lz4',
      3,
      'kafkajs-lz4',
      class {
        codec = () => flipCodec;
      },
    ],
    ['zstd', 4, '@kafkajs/zstd', () => () => flipCodec],
  ] as const)('takes %s from its package', async (compression, bits, name, exported) => {
    const asked: string[] = [];
    const compressor = await load(
      compression,
      (wanted) => Promise.resolve((asked.push(wanted), { default: exported })),
      {},
    );
    const plain = batchOf(1000);
    const decoded = decodeBatch(await compressor.compress(plain));
    expect(asked).toEqual([name]);
    expect(decoded.attributes).toBe(bits);
    expect(flip(decoded.payload)).toEqual(plain.subarray(61));
  });

  it("takes zstd from Node where it is Node's", async () => {
    const zstdCompress = (records: Buffer, done: (error: null, result: Buffer) => void) => done(null, flip(records));
    const compressor = await load('zstd', notInstalled, { zstdCompress });
    const plain = batchOf(10);
    expect(flip(decodeBatch(await compressor.compress(plain)).payload)).toEqual(plain.subarray(61));
  });

  it('writes snappy in blocks that Java reads', async () => {
    const compressor = await load('snappy', () => Promise.resolve({ default: () => flipCodec }));
    const plain = batchOf(70_000);
    const { attributes, payload } = decodeBatch(await compressor.compress(plain));
    expect(attributes).toBe(2);
    expect(payload.toString('hex', 0, 16)).toBe('82534e41505059000000000100000001');
    const blocks: Buffer[] = [];
    for (let at = 16; at < payload.length;) {
      const length = payload.readInt32BE(at);
      blocks.push(flip(payload.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    expect(blocks.map(({ length }) => length)).toEqual([32_768, 32_768, plain.length - 61 - 65_536]);
    expect(Buffer.concat(blocks).equals(plain.subarray(61))).toBe(true);
  });

  it.each([
    ['snappy', 'kafkajs-snappy'],
    ['lz4', 'kafkajs-lz4'],
    ['zstd', '@kafkajs/zstd'],
  ] as const)('says of %s which package is missing', async (compression, name) => {
    await expect(BatchCompressor.load(compression, notInstalled, {})).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining(name) as string,
      remedy: expect.stringContaining(`npm install ${name}`) as string,
    });
  });
});
