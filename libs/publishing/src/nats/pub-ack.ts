import type { JetStreamError } from './map-nats-error.js';

/** What came back for one published message. */
export type PubReply =
  | { readonly kind: 'stored'; readonly seq: number; readonly duplicate: boolean }
  | { readonly kind: 'refused'; readonly error: JetStreamError }
  /** Nobody listens on the subject: no stream, or its leader is being elected. */
  | { readonly kind: 'noResponders' };

const NO_RESPONDERS: PubReply = { kind: 'noResponders' };
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const CLOSE_BRACE = 0x7d;

/**
 * Reads acknowledgements of one stream. The common form `{"stream":"NAME", "seq":N}` is read from the bytes without
 * JSON.parse; everything else (duplicates, errors, other spellings) goes the slow way.
 * Format: https://docs.nats.io/reference/reference-protocols/nats_api_reference#error-handling
 */
export class PubAckReader {
  private readonly prefix: Buffer;
  /** The reply of the fast path, overwritten by the next call. */
  private readonly stored = { kind: 'stored' as const, seq: 0, duplicate: false };

  constructor(private readonly stream: string) {
    this.prefix = Buffer.from(`{"stream":${JSON.stringify(stream)}, "seq":`);
  }

  /** The reply in `data`; only valid until the next call. */
  read(data: Uint8Array): PubReply {
    const seq = this.fastSeq(data);
    if (seq >= 0) {
      this.stored.seq = seq;
      return this.stored;
    }
    return data.length === 0 ? NO_RESPONDERS : this.parse(data);
  }

  private fastSeq(data: Uint8Array): number {
    const { prefix } = this;
    const end = data.length - 1;
    if (end <= prefix.length || data[end] !== CLOSE_BRACE) return -1;
    for (let i = 0; i < prefix.length; i++) if (data[i] !== prefix[i]) return -1;
    let seq = 0;
    for (let i = prefix.length; i < end; i++) {
      const byte = data[i] ?? 0;
      if (byte < DIGIT_0 || byte > DIGIT_9) return -1;
      seq = seq * 10 + (byte - DIGIT_0);
    }
    return seq;
  }

  private parse(data: Uint8Array): PubReply {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    let ack: { error?: JetStreamError; stream?: string; seq?: number; duplicate?: boolean };
    try {
      ack = JSON.parse(text) as typeof ack;
    } catch {
      return { kind: 'refused', error: { code: 500, description: `unreadable acknowledgement ${text.slice(0, 200)}` } };
    }
    if (ack.error) return { kind: 'refused', error: ack.error };
    if (ack.stream !== this.stream || typeof ack.seq !== 'number' || ack.seq <= 0) {
      const description = `acknowledged by "${ack.stream ?? ''}" instead of "${this.stream}"`;
      return { kind: 'refused', error: { code: 500, description } };
    }
    return { kind: 'stored', seq: ack.seq, duplicate: ack.duplicate === true };
  }
}
