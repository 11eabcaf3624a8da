import type { ServerToClientFilter } from '../support/tcp-proxy.js';

const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20;

/**
 * Makes answers to Produce requests say that batches of a topic were stored, but not on enough replicas: what a cluster
 * says when it loses replicas in that moment. The batches are in the log all the same.
 * Format: https://kafka.apache.org/protocol#The_Messages_Produce, version 8
 */
export class AnswerForger {
  forged = 0;

  /** @param times answers to change */
  constructor(
    private readonly topic: string,
    private readonly times: number,
  ) {}

  /** For TcpProxy.filterReplies. Answers to Produce requests are small: each is whole within a chunk. */
  readonly filter: ServerToClientFilter = (chunk) => {
    for (let at = 0; at + 14 < chunk.length && this.forged < this.times; at += 4 + chunk.readInt32BE(at)) {
      const errorAt = this.errorCodeAt(chunk, at + 8);
      if (errorAt === undefined) continue;
      chunk.writeInt16BE(NOT_ENOUGH_REPLICAS_AFTER_APPEND, errorAt);
      this.forged += 1;
    }
    return chunk;
  };

  /** Where the error code of the first partition stands, when the first topic of the answer is ours. */
  private errorCodeAt(chunk: Buffer, bodyAt: number): number | undefined {
    const topics = chunk.readInt32BE(bodyAt);
    const nameEnd = bodyAt + 6 + chunk.readInt16BE(bodyAt + 4);
    if (topics < 1 || topics > 9 || chunk.toString('latin1', bodyAt + 6, nameEnd) !== this.topic) return undefined;
    return nameEnd + 8;
  }
}
