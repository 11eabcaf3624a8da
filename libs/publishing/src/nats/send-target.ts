import type { NatsLink } from './nats-link.js';
import { PubAckReader } from './pub-ack.js';
import type { StreamConfig } from './stream-facts.js';
import { isCovered } from './subject-name.js';

/** The largest headers and body together that will be taken, and whose limit it is. */
export interface SizeLimit {
  readonly bytes: number;
  readonly name: string;
}

/** Where one run of sending goes: a link and the stream behind it, as it was when the run began. */
export class SendTarget {
  readonly acks: PubAckReader;
  readonly limit: SizeLimit;
  private readonly coveredSubjects = new Set<string>();

  constructor(
    readonly link: NatsLink,
    readonly stream: StreamConfig,
  ) {
    this.acks = new PubAckReader(stream.name);
    this.limit = sizeLimit(link.maxPayloadBytes, stream);
  }

  /** Whether the stream stores the subject. */
  covers(subject: string): boolean {
    if (this.coveredSubjects.has(subject)) return true;
    if (!isCovered(subject, this.stream.subjects ?? [])) return false;
    this.coveredSubjects.add(subject);
    return true;
  }
}

/** The smaller of the server's and the stream's limit. */
function sizeLimit(maxPayloadBytes: number, stream: StreamConfig): SizeLimit {
  const streamBytes = stream.max_msg_size ?? -1;
  return streamBytes >= 0 && streamBytes < maxPayloadBytes
    ? { bytes: streamBytes, name: `max_msg_size of stream "${stream.name}"` }
    : { bytes: maxPayloadBytes, name: 'max_payload of the NATS server' };
}
