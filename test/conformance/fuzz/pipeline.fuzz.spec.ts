import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { watchAllocations } from '../../support/allocations.js';
import { readRecording, readRegressions, recordedVersions } from '../corpus/corpus.js';
import { anyMutation, SEEDS } from './mutations.js';
import { PipelineUnderFuzz } from './pipeline-under-fuzz.js';
import { HEAP_SLACK_BYTES, runFuzz } from './run-fuzz.js';

const BEGIN = 0x42; // 'B'
const XLOG_HEADER = Buffer.from(`77${'00'.repeat(24)}`, 'hex');
const KEEPALIVE = Buffer.from(`6b${'00'.repeat(7)}01${'00'.repeat(8)}01`, 'hex');

/** What the machinery may allocate for any input: slabs, the reader's buffers, the tracker's window. */
const FIXED_BYTES = 1024 * 1024;
/** What a byte of input may become: escaped in JSON, in data and dataOld, and the reader's room for what is to come. */
const BYTES_PER_BYTE = 32;

function frame(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeUInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

const asXLogData = (message: Buffer): Buffer => frame('d', Buffer.concat([XLOG_HEADER, message]));

interface Stream {
  readonly bytes: Buffer;
  /** Bytes of each read of the socket; the rest comes in one. */
  readonly reads: readonly number[];
}

/** Transactions as recorded, framed for the network, mutated as messages and again as bytes, and cut into reads. */
const streams: fc.Arbitrary<Stream> = fc.oneof(
  ...SEEDS.map((seed) => {
    const begins = [...seed.messages.keys()].filter((index) => seed.messages[index][0] === BEGIN);
    return fc
      .record({
        first: fc.constantFrom(...begins),
        mutations: fc.array(fc.option(anyMutation(seed), { freq: 2 }), { minLength: 2, maxLength: 16 }),
        ofStream: fc.option(anyMutation(seed), { freq: 3 }),
        reads: fc.array(fc.nat({ max: 2000 }), { maxLength: 4 }),
      })
      .map(({ first, mutations, ofStream, reads }): Stream => {
        const known = seed.messages.filter((_, index) => index < first && seed.isRelation[index]);
        const taken = seed.messages.slice(first, first + mutations.length);
        const mutated = taken.map((message, index) => mutations[index]?.(message) ?? message);
        const frames = [...known, ...mutated].map(asXLogData);
        const bytes = Buffer.concat([...frames.slice(0, -1), frame('d', KEEPALIVE), ...frames.slice(-1)]);
        return { bytes: ofStream?.(bytes) ?? bytes, reads };
      });
  }),
);

/** Gives a pipeline these bytes in reads of these sizes, the rest in one. */
async function run({ bytes, reads }: Stream): Promise<PipelineUnderFuzz> {
  using allocations = watchAllocations();
  const pipeline = new PipelineUnderFuzz();
  let at = 0;
  for (const size of [...reads, bytes.length]) {
    if (pipeline.failure === undefined && at < bytes.length) await pipeline.read(bytes.subarray(at, at + size));
    at += size;
  }
  pipeline.end();
  pipeline.verify();
  const allowed = FIXED_BYTES + BYTES_PER_BYTE * bytes.length;
  if (allocations.largest > allowed) throw new Error(`${allocations.largest} bytes for an input of ${bytes.length}`);
  return pipeline;
}

describe('the way from the server’s bytes to events', () => {
  it('gives sound events or an error with a code for any bytes, and takes no more memory than they need', async () => {
    const { grownBytes } = await runFuzz('pipeline', streams, async (stream) => void (await run(stream)));
    expect(grownBytes).toBeLessThan(HEAP_SLACK_BYTES);
  });

  it.each(readRegressions())('ends at what a defect once showed with, %s, with a code', async (_name, messages) => {
    const { failure } = await run({ bytes: Buffer.concat(messages.map(asXLogData)), reads: [] });
    expect(failure).toMatchObject({ code: 'PROTOCOL' });
  });

  it('makes events of all that is recorded, without a fault', async () => {
    for (const version of recordedVersions()) {
      const messages = readRecording(version).get('text') ?? [];
      const pipeline = await run({ bytes: Buffer.concat(messages.map(asXLogData)), reads: [1000, 70_000] });
      expect(pipeline.failure).toBeUndefined();
      expect(pipeline.events.length).toBeGreaterThan(100);
    }
  });
});
