import { describe, expect, it } from 'vitest';
import {
  countKinds,
  readRecording,
  readRegressions,
  readSummary,
  recordedVersions,
} from '../../../test/conformance/corpus/corpus.js';
import { digestOf, meaning, referenceMeaning } from '../../../test/conformance/fuzz/meaning.js';
import { ReferenceDecoder } from '../../../test/conformance/fuzz/reference-decoder.js';
import { Decoder } from './decoder.js';

const SUMMARY = readSummary();
const SESSIONS = recordedVersions().flatMap((version) =>
  [...readRecording(version)].map(([session, messages]) => [version, session, messages] as const),
);

describe('what PostgreSQL sent', () => {
  it('is kept for each version with its summary', () => {
    expect(recordedVersions().map(String)).toEqual(Object.keys(SUMMARY));
    expect(recordedVersions().length).toBeGreaterThan(1);
  });

  it.each(SESSIONS)('by version %i for %s is decoded to what it is known to mean', (version, session, messages) => {
    const decoder = new Decoder();
    const digest = digestOf(messages.map((message) => meaning(decoder, message)));
    expect({ kinds: countKinds(messages), digest }).toEqual(SUMMARY[version][session]);
  });

  it.each(SESSIONS.filter(([, session]) => session === 'text'))(
    'by version %i for %s holds no message that is refused',
    (_version, _session, messages) => {
      const decoder = new Decoder();
      for (const message of messages) expect(() => decoder.decode(message, 0, message.length)).not.toThrow();
    },
  );
});

describe('what a defect once showed with', () => {
  it.each(readRegressions())('%s means what the reference decoder says', (_name, messages) => {
    const decoder = new Decoder();
    const reference = new ReferenceDecoder();
    for (const message of messages) expect(meaning(decoder, message)).toBe(referenceMeaning(reference, message));
  });
});
