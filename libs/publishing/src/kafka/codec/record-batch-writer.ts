import type { OutgoingEvent } from '#lib/events';
import type { BatchMemory } from './batch-memory.js';
import type { EventHeaders } from './event-headers.js';
import { BATCH_HEADER_BYTES, writeBatchHeader } from './record-batch-header.js';
import { sizeOfVarint, writeVarint } from './varint.js';

/** Shorter pieces are copied byte by byte: Buffer.copy allocates a view. */
const COPY_BY_LOOP_BYTES = 48;
/** Each record's attributes and timestamp delta: a byte each, always 0. */
const FIXED_RECORD_BYTES = 2;

/** Any record, for what is no event. */
export interface PlainRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly (readonly [name: string, value: Uint8Array | null])[];
}

/**
 * Writes one record batch after another (format v2, https://kafka.apache.org/documentation/#recordbatch), record by
 * record, without an object per record. One writer is filled for one partition at a time.
 *
 * `tryAppend`… → `finish` → (`BatchCompressor.compress`) → `stampBatch` → produce → `memory.giveBack(batch)` when it is settled.
 */
export class RecordBatchWriter {
  private buffer: Buffer | undefined;
  private offset = BATCH_HEADER_BYTES;
  private records = 0;

  constructor(
    private readonly headers: EventHeaders,
    private readonly memory: BatchMemory,
  ) {}

  /** Records written since the last `finish`. */
  get recordCount(): number {
    return this.records;
  }

  /** Bytes of the batch so far, header included: what `max.message.bytes` limits. */
  get byteLength(): number {
    return this.offset;
  }

  /** Bytes of a batch that holds nothing but this event. */
  batchBytesOf(event: OutgoingEvent): number {
    const body = this.bodyBytesOf(event, 0);
    return BATCH_HEADER_BYTES + sizeOfVarint(body) + body;
  }

  /**
   * Writes the event's record, unless the batch would then be larger than `maxBytes`: then false, and nothing is
   * changed. The event's bytes are copied.
   */
  tryAppend(event: OutgoingEvent, maxBytes: number): boolean {
    const body = this.bodyBytesOf(event, this.records);
    const end = this.offset + sizeOfVarint(body) + body;
    if (end > maxBytes) return false;
    const target = this.reserve(end);
    const { slab, start, keyStart, keyEnd } = event;
    let at = this.writeRecordStart(target, body);
    at = writeVarint(target, at, keyEnd - keyStart);
    at = copy(event.keySlab, keyStart, keyEnd, target, at);
    at = writeVarint(target, at, event.end - start);
    at = copy(slab, start, event.end, target, at);
    this.headers.write(target, at, event);
    this.offset = end;
    this.records += 1;
    return true;
  }

  /** Writes any record, whatever its size. */
  append(record: PlainRecord): void {
    const { key, value } = record;
    const headers = (record.headers ?? []).map(([name, bytes]) => ({ name: Buffer.from(name), bytes }));
    const headerBytes = headers.reduce((sum, { name, bytes }) => sum + sizeOfBytes(name) + sizeOfBytes(bytes), 0);
    const body =
      FIXED_RECORD_BYTES +
      sizeOfVarint(this.records) +
      sizeOfBytes(key) +
      sizeOfBytes(value) +
      sizeOfVarint(headers.length) +
      headerBytes;
    const end = this.offset + sizeOfVarint(body) + body;
    const target = this.reserve(end);
    let at = this.writeRecordStart(target, body);
    at = writeBytes(target, at, key);
    at = writeBytes(target, at, value);
    at = writeVarint(target, at, headers.length);
    for (const { name, bytes } of headers) at = writeBytes(target, writeBytes(target, at, name), bytes);
    this.offset = end;
    this.records += 1;
  }

  /**
   * The batch, uncompressed, whole but for `stampBatch`; the writer begins a new one. The memory is the caller's until it
   * gives it back.
   * @param timestampMs of all records, milliseconds since 1970
   */
  finish(timestampMs: number): Buffer {
    if (this.buffer === undefined || this.records === 0) throw new RangeError('a batch holds at least one record');
    const batch = this.buffer.subarray(0, this.offset);
    writeBatchHeader(batch, this.records, timestampMs);
    this.begin();
    return batch;
  }

  /** Forgets what was written. */
  discard(): void {
    if (this.buffer !== undefined) this.memory.giveBack(this.buffer);
    this.begin();
  }

  private begin(): void {
    this.buffer = undefined;
    this.offset = BATCH_HEADER_BYTES;
    this.records = 0;
  }

  private bodyBytesOf(event: OutgoingEvent, offsetDelta: number): number {
    const keyBytes = event.keyEnd - event.keyStart;
    const valueBytes = event.end - event.start;
    return (
      FIXED_RECORD_BYTES +
      sizeOfVarint(offsetDelta) +
      sizeOfVarint(keyBytes) +
      keyBytes +
      sizeOfVarint(valueBytes) +
      valueBytes +
      this.headers.sizeOf(event)
    );
  }

  private writeRecordStart(target: Buffer, body: number): number {
    const at = writeVarint(target, this.offset, body);
    target[at] = 0;
    target[at + 1] = 0;
    return writeVarint(target, at + FIXED_RECORD_BYTES, this.records);
  }

  private reserve(end: number): Buffer {
    if (this.buffer === undefined) this.buffer = this.memory.take(end);
    else if (end > this.buffer.length) this.buffer = this.memory.grow(this.buffer, this.offset, end);
    return this.buffer;
  }
}

function copy(source: Buffer, start: number, end: number, target: Buffer, offset: number): number {
  if (end - start > COPY_BY_LOOP_BYTES) {
    source.copy(target, offset, start, end);
    return offset + end - start;
  }
  let at = offset;
  for (let i = start; i < end; i++) target[at++] = source[i];
  return at;
}

function sizeOfBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeBytes(target: Buffer, offset: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, offset, -1);
  const at = writeVarint(target, offset, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}
