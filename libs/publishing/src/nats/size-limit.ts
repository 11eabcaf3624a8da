import type { StreamConfig } from './stream-facts.js';

/** The largest headers and body together that will be taken, and whose limit it is. */
export interface SizeLimit {
  readonly bytes: number;
  readonly name: string;
}

/** The smaller of the server's and the stream's limit. */
export function sizeLimit(maxPayloadBytes: number, stream: StreamConfig): SizeLimit {
  const streamBytes = stream.max_msg_size ?? -1;
  return streamBytes >= 0 && streamBytes < maxPayloadBytes
    ? { bytes: streamBytes, name: `max_msg_size of stream "${stream.name}"` }
    : { bytes: maxPayloadBytes, name: 'max_payload of the NATS server' };
}
