import { Decoder } from '#lib/pgoutput';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meaning, referenceMeaning } from './meaning.js';
import { arbitraryMessages, mutatedMessages } from './mutations.js';
import { ReferenceDecoder } from './reference-decoder.js';
import { HEAP_SLACK_BYTES, runFuzz } from './run-fuzz.js';

describe('the decoder', () => {
  it('gives a message or a ProtocolError for any bytes, the same as a second decoder, and keeps nothing', async () => {
    const inputs = fc.oneof({ weight: 9, arbitrary: mutatedMessages }, { weight: 1, arbitrary: arbitraryMessages });
    const { grownBytes } = await runFuzz('decoder', inputs, ({ known, messages }) => {
      const decoder = new Decoder();
      const reference = new ReferenceDecoder();
      for (const message of known) {
        decoder.decode(message, 0, message.length);
        reference.learn(message);
      }
      for (const message of messages) {
        const [meant, expected] = [meaning(decoder, message), referenceMeaning(reference, message)];
        if (meant !== expected) throw new Error(`${message.toString('hex')} means ${meant}, not ${expected}`);
      }
    });
    expect(grownBytes).toBeLessThan(HEAP_SLACK_BYTES);
  });
});
