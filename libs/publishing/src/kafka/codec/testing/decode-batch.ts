/** A record as it stands in a batch. */
export interface DecodedRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

export interface DecodedBatch {
  readonly baseOffset: bigint;
  readonly batchLength: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
  /** Undecoded, as they lie behind the header. */
  readonly payload: Buffer;
}

/** Reads a batch by the letter of https://kafka.apache.org/documentation/#recordbatch; slow, and of nobody's making. */
export function decodeBatch(bytes: Buffer): DecodedBatch {
  return {
    baseOffset: bytes.readBigInt64BE(0),
    batchLength: bytes.readInt32BE(8),
    partitionLeaderEpoch: bytes.readInt32BE(12),
    magic: bytes.readInt8(16),
    crc: bytes.readUInt32BE(17),
    attributes: bytes.readInt16BE(21),
    lastOffsetDelta: bytes.readInt32BE(23),
    baseTimestamp: bytes.readBigInt64BE(27),
    maxTimestamp: bytes.readBigInt64BE(35),
    producerId: bytes.readBigInt64BE(43),
    producerEpoch: bytes.readInt16BE(51),
    baseSequence: bytes.readInt32BE(53),
    recordCount: bytes.readInt32BE(57),
    payload: bytes.subarray(61),
  };
}

/** Reads the records, uncompressed, to the last byte. */
export function decodeRecords(payload: Buffer): readonly DecodedRecord[] {
  const reader = new VarintReader(payload);
  const records: DecodedRecord[] = [];
  while (!reader.isAtEnd) {
    const end = Number(reader.varint()) + reader.at;
    if (reader.byte() !== 0) throw new Error('a record has attributes');
    const timestampDelta = reader.varint();
    const offsetDelta = Number(reader.varint());
    const key = reader.bytes();
    const value = reader.bytes();
    const headers: (readonly [string, Buffer | null])[] = [];
    for (let count = reader.varint(); count > 0n; count--) {
      headers.push([(reader.bytes() ?? Buffer.alloc(0)).toString(), reader.bytes()]);
    }
    if (reader.at !== end) throw new Error(`a record ends at ${String(reader.at)} and not at ${String(end)}`);
    records.push({ offsetDelta, timestampDelta, key, value, headers });
  }
  return records;
}

class VarintReader {
  at = 0;

  constructor(private readonly source: Buffer) {}

  get isAtEnd(): boolean {
    return this.at === this.source.length;
  }

  byte(): number {
    return this.source.readUInt8(this.at++);
  }

  varint(): bigint {
    let zigzag = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      zigzag |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >> 1n) ^ -(zigzag & 1n);
    }
  }

  bytes(): Buffer | null {
    const length = Number(this.varint());
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    if (this.at > this.source.length) throw new Error('a length leads out of the batch');
    return this.source.subarray(start, this.at);
  }
}
