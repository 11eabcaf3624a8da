/** Reads the protocol's types from an answer, one after another: https://kafka.apache.org/protocol#protocol_types */
export class ResponseReader {
  private at = 0;

  constructor(private readonly body: Buffer) {}

  int16(): number {
    return this.body.readInt16BE(this.advance(2));
  }

  int32(): number {
    return this.body.readInt32BE(this.advance(4));
  }

  int64(): bigint {
    return this.body.readBigInt64BE(this.advance(8));
  }

  /** NULLABLE_STRING */
  string(): string | undefined {
    const bytes = this.int16();
    if (bytes < 0) return undefined;
    const start = this.advance(bytes);
    return this.body.toString('utf8', start, this.at);
  }

  private advance(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    if (this.at > this.body.length) throw new RangeError('the answer is cut short');
    return start;
  }
}
