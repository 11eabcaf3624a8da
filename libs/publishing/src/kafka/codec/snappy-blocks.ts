const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Version, and the oldest version that can read it. */
const VERSIONS = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1]);
const BLOCK_BYTES = 32 * 1024;

/**
 * Snappy as Kafka's own clients write and read it: the stream of snappy-java (SnappyOutputStream), blocks of 32 KB,
 * each with its length before it. https://github.com/xerial/snappy-java#compatibility-notes
 * @param compressBlock makes raw snappy
 */
export function snappyBlocks(
  compressBlock: (block: Buffer) => Promise<Uint8Array>,
): (records: Buffer) => Promise<Buffer> {
  return async (records) => {
    const parts: Uint8Array[] = [MAGIC, VERSIONS];
    for (let at = 0; at < records.length; at += BLOCK_BYTES) {
      const block = await compressBlock(records.subarray(at, at + BLOCK_BYTES));
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      parts.push(length, block);
    }
    return Buffer.concat(parts);
  };
}
