import { describe, expect, it } from 'vitest';
import { systemClock } from '#lib/kernel';
import { EventWindow } from '../event-window.js';
import { EventMaker } from '../testing/outgoing-events.js';
import { BatchMemory } from './codec/batch-memory.js';
import type { BatchCompressor } from './codec/compression.js';
import { EventHeaders } from './codec/event-headers.js';
import { RecordBatchWriter } from './codec/record-batch-writer.js';
import { NodeQueue, PartitionLane } from './partition-lane.js';
import { eventBytes, RequestBuilder } from './request-builder.js';

class CountingMemory extends BatchMemory {
  readonly returned: ArrayBufferLike[] = [];

  override giveBack(batch: Buffer): void {
    this.returned.push(batch.buffer);
    super.giveBack(batch);
  }
}

describe('RequestBuilder', () => {
  it('gives memory back once when one codec fails while another still works', async () => {
    const memory = new CountingMemory();
    const window = new EventWindow();
    const ends: { resolve(batch: Buffer): void; reject(error: Error): void }[] = [];
    const compress = () => new Promise<Buffer>((resolve, reject) => ends.push({ resolve, reject }));
    const builder = new RequestBuilder({
      window,
      memory,
      writer: new RecordBatchWriter(new EventHeaders(false), memory),
      compressor: { compress } as unknown as BatchCompressor,
      clock: systemClock,
      cutBytes: () => 100_000,
      letters: new Map(),
    });
    const node = new NodeQueue(1);
    for (const [i, event] of new EventMaker('app').batch(2).entries()) {
      const lane = new PartitionLane('app.public_items', i, 1);
      window.push(event);
      lane.append(event.seq);
      node.add(lane, eventBytes(event));
    }
    const draft = builder.build(node, 0);
    if (draft === undefined) throw new Error('nothing to send');
    const compressing = builder.compress(draft).finally(() => builder.release(draft));
    ends[1]?.reject(new Error('the codec fails'));
    const over = expect(compressing).rejects.toThrow('the codec fails');
    await new Promise((resolve) => setImmediate(resolve));
    expect(memory.returned).toHaveLength(0);
    ends[0]?.resolve(Buffer.alloc(100));
    await over;
    expect(memory.returned).toHaveLength(2);
    expect(new Set(memory.returned).size).toBe(2);
  });
});
