import type { ServerToClientFilter } from '../support/tcp-proxy.js';

const CRLF = Buffer.from('\r\n');

/**
 * Takes single acknowledgements out of what nats-server sends, each once: those for the messages with these numbers,
 * which are the last token of the reply subject.
 * Format: https://docs.nats.io/reference/reference-protocols/nats-protocol#msg
 */
export class AckLoser {
  readonly lost: number[] = [];
  private rest: Buffer = Buffer.alloc(0);

  constructor(private readonly numbers: readonly number[]) {}

  /** For TcpProxy.filterReplies. */
  readonly filter: ServerToClientFilter = (chunk) => {
    const kept: Buffer[] = [];
    let bytes = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const frame = firstFrame(bytes);
      if (frame === undefined) break;
      if (!this.loses(frame)) kept.push(frame);
      bytes = bytes.subarray(frame.length);
    }
    this.rest = bytes;
    return kept.length === 0 ? undefined : Buffer.concat(kept);
  };

  private loses(frame: Buffer): boolean {
    const match = /^MSG _INBOX\.[^ ]+\.(\d+) \d+ +\d+\r\n/.exec(frame.toString('latin1', 0, 200));
    const number = Number(match?.[1]);
    if (!this.numbers.includes(number) || this.lost.includes(number)) return false;
    this.lost.push(number);
    return true;
  }
}

/** The first whole protocol message, payload included. */
function firstFrame(bytes: Buffer): Buffer | undefined {
  const lineEnd = bytes.indexOf(CRLF);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('latin1', 0, lineEnd);
  const payload = /^H?MSG /.test(line) ? Number(line.slice(line.lastIndexOf(' ') + 1)) + 2 : 0;
  const end = lineEnd + 2 + payload;
  return bytes.length < end ? undefined : bytes.subarray(0, end);
}
