import type { BatchOutcome, PartitionBatch } from '../kafka-ports.js';
import { KAFKA_ERROR, kafkaErrorName } from '../protocol-errors.js';
import { ResponseReader } from './response-reader.js';

/*
 * The Produce API: https://kafka.apache.org/protocol#The_Messages_Produce. The versions from 3 (record batches v2) to 8
 * (the broker's own words) have the same request; their answers grow.
 */

export const PRODUCE_MIN_VERSION = 3;
export const PRODUCE_MAX_VERSION = 8;
const WITH_LOG_START_OFFSET = 5;
const WITH_WORDS = 8;
const NO_TRANSACTION = -1;
const ALL_REPLICAS = -1;

/** The request's body in parts; the records are not copied. At most one batch per partition. */
export function produceRequest(batches: readonly PartitionBatch[], timeoutMs: number): readonly Buffer[] {
  const byTopic = new Map<string, PartitionBatch[]>();
  for (const batch of batches) {
    const ofTopic = byTopic.get(batch.topic);
    if (ofTopic === undefined) byTopic.set(batch.topic, [batch]);
    else ofTopic.push(batch);
  }
  const head = Buffer.alloc(12);
  head.writeInt16BE(NO_TRANSACTION, 0);
  head.writeInt16BE(ALL_REPLICAS, 2);
  head.writeInt32BE(timeoutMs, 4);
  head.writeInt32BE(byTopic.size, 8);
  const parts: Buffer[] = [head];
  for (const [topic, ofTopic] of byTopic) {
    parts.push(topicHead(topic, ofTopic.length));
    for (const batch of ofTopic) {
      const partition = Buffer.alloc(8);
      partition.writeInt32BE(batch.partition, 0);
      partition.writeInt32BE(batch.records.length, 4);
      parts.push(partition, batch.records);
    }
  }
  return parts;
}

function topicHead(topic: string, partitions: number): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(2 + name.length + 4);
  head.writeInt16BE(name.length, 0);
  name.copy(head, 2);
  head.writeInt32BE(partitions, 2 + name.length);
  return head;
}

export interface ProduceAnswer {
  readonly outcomes: readonly BatchOutcome[];
  /** How long the broker takes nothing from us because of a quota. */
  readonly throttleMs: number;
}

/** Reads the answer's body. @throws RangeError when it is cut short */
export function produceAnswer(body: Buffer, version: number): ProduceAnswer {
  const reader = new ResponseReader(body);
  const outcomes: BatchOutcome[] = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string() ?? '';
    for (let partitions = reader.int32(); partitions > 0; partitions--) outcomes.push(outcome(reader, topic, version));
  }
  return { outcomes, throttleMs: reader.int32() };
}

function outcome(reader: ResponseReader, topic: string, version: number): BatchOutcome {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const baseOffset = reader.int64();
  reader.int64(); // log append time
  if (version >= WITH_LOG_START_OFFSET) reader.int64();
  const recordErrors = version >= WITH_WORDS ? recordErrorsOf(reader) : [];
  const errorMessage = version >= WITH_WORDS ? reader.string() : undefined;
  return {
    topic,
    partition,
    errorCode,
    baseOffset,
    ...(errorCode !== KAFKA_ERROR.none && { errorName: kafkaErrorName(errorCode) }),
    ...(errorMessage !== undefined && { errorMessage }),
    ...(recordErrors.length > 0 && { recordErrors }),
  };
}

function recordErrorsOf(reader: ResponseReader): readonly { readonly index: number; readonly message?: string }[] {
  const errors = [];
  for (let count = reader.int32(); count > 0; count--) {
    const index = reader.int32();
    const message = reader.string();
    errors.push({ index, ...(message !== undefined && { message }) });
  }
  return errors;
}
