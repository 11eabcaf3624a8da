import { encodeMessage, UNCHANGED } from '#lib/pgoutput/testing';
import { Decoder } from '../decoder.js';
import { TUPLE_NULL, TUPLE_TEXT, type Message, type Relation, type Tuple } from '../messages.js';
import { ProtocolError } from '../protocol-error.js';

/** A new decoder with what the specs do to it. */
export class DecodeHarness {
  readonly decoder = new Decoder();

  /** Decodes a message that lies between other bytes, as in a socket's chunk. */
  decode(message: Buffer): Message {
    const chunk = Buffer.concat([Buffer.alloc(3, 0x4e), message, Buffer.alloc(5, 0x4e)]);
    return this.decoder.decode(chunk, 3, 3 + message.length);
  }

  learn(relation: Relation): void {
    this.decode(encodeMessage({ type: 'relation', relation }));
  }

  /** The error that decoding this message ends with. */
  failure(message: Buffer): ProtocolError {
    try {
      this.decode(message);
    } catch (error) {
      if (error instanceof ProtocolError) return error;
      throw error;
    }
    throw new Error('decoded');
  }
}

/** A tuple's columns as text. */
export function valuesOf(tuple: Tuple): (string | null | typeof UNCHANGED)[] {
  return Array.from({ length: tuple.count }, (_, index) => {
    if (tuple.kinds[index] === TUPLE_NULL) return null;
    if (tuple.kinds[index] !== TUPLE_TEXT) return UNCHANGED;
    return tuple.buffer.toString('utf8', tuple.starts[index], tuple.ends[index]);
  });
}
