/** No answer is this large: the other side does not speak Kafka's protocol. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;
const SIZE_BYTES = 4;

/** Cuts a byte stream into frames: int32 size, then as many bytes. https://kafka.apache.org/protocol#protocol_common */
export class FrameReader {
  private chunks: Buffer[] = [];
  private buffered = 0;
  /** Bytes that must be there before it is worth looking again. */
  private needed = SIZE_BYTES;

  /**
   * Takes a chunk of the stream and gives the frames that are whole now, without their sizes.
   * @throws RangeError when the stream cannot be frames
   */
  push(chunk: Buffer): readonly Buffer[] {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
    if (this.buffered < this.needed) return [];
    const bytes = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.buffered);
    const frames: Buffer[] = [];
    let at = 0;
    this.needed = SIZE_BYTES;
    while (bytes.length - at >= SIZE_BYTES) {
      const size = bytes.readInt32BE(at);
      if (size < SIZE_BYTES || size > MAX_FRAME_BYTES) throw new RangeError('the answer is not of the Kafka protocol');
      const end = at + SIZE_BYTES + size;
      if (end > bytes.length) {
        this.needed = SIZE_BYTES + size;
        break;
      }
      frames.push(bytes.subarray(at + SIZE_BYTES, end));
      at = end;
    }
    this.chunks = at === bytes.length ? [] : [bytes.subarray(at)];
    this.buffered = bytes.length - at;
    return frames;
  }
}
