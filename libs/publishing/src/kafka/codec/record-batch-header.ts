import type { ProducerIdentity } from '../kafka-ports.js';
import { crc32c } from './crc32c.js';

/*
 * The header of a record batch, format v2: https://kafka.apache.org/documentation/#recordbatch
 */

/** Bytes of the header; the records follow. */
export const BATCH_HEADER_BYTES = 61;
export const COMPRESSION_BITS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type Compression = keyof typeof COMPRESSION_BITS;

const OFFSET = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

const MAGIC = 2;
const NO_LEADER_EPOCH = -1;
const SEQUENCES = 0x80000000;

/** Writes all of the header but what `stampBatch` adds. All records have one timestamp. */
export function writeBatchHeader(batch: Buffer, recordCount: number, timestampMs: number): void {
  batch.fill(0, OFFSET.baseOffset, OFFSET.batchLength);
  batch.writeInt32BE(batch.length - OFFSET.partitionLeaderEpoch, OFFSET.batchLength);
  batch.writeInt32BE(NO_LEADER_EPOCH, OFFSET.partitionLeaderEpoch);
  batch[OFFSET.magic] = MAGIC;
  batch.writeInt16BE(COMPRESSION_BITS.none, OFFSET.attributes);
  batch.writeInt32BE(recordCount - 1, OFFSET.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(timestampMs), OFFSET.baseTimestamp);
  batch.writeBigInt64BE(BigInt(timestampMs), OFFSET.maxTimestamp);
  batch.writeInt32BE(recordCount, OFFSET.recordCount);
}

/** The header of a finished batch, now in front of compressed records. */
export function recompressHeader(batch: Buffer, compression: Compression): void {
  batch.writeInt32BE(batch.length - OFFSET.partitionLeaderEpoch, OFFSET.batchLength);
  batch.writeInt16BE(COMPRESSION_BITS[compression], OFFSET.attributes);
}

/**
 * Writes who sends the batch and the number of its first record in the partition, then the checksum. May be done again:
 * an identity that takes over stamps the same batch with its own.
 *
 * @param baseSequence counts the records of this identity in this partition from 0; see `sequenceAfter`
 */
export function stampBatch(batch: Buffer, identity: ProducerIdentity, baseSequence: number): void {
  batch.writeBigInt64BE(identity.id, OFFSET.producerId);
  batch.writeInt16BE(identity.epoch, OFFSET.producerEpoch);
  batch.writeInt32BE(baseSequence, OFFSET.baseSequence);
  batch.writeUInt32BE(crc32c(batch, OFFSET.attributes, batch.length), OFFSET.crc);
}

/** The sequence number after `count` records: after 2^31 - 1 comes 0. */
export function sequenceAfter(baseSequence: number, count: number): number {
  return (baseSequence + count) % SEQUENCES;
}

/** Number of records in a finished batch. */
export function recordCountOf(batch: Buffer): number {
  return batch.readInt32BE(OFFSET.recordCount);
}

/** The timestamp of a finished batch's records, milliseconds since 1970. */
export function timestampOf(batch: Buffer): number {
  return Number(batch.readBigInt64BE(OFFSET.baseTimestamp));
}
