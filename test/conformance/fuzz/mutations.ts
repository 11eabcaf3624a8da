import fc from 'fast-check';
import { readRecording, recordedVersions } from '../corpus/corpus.js';
import { referenceMeaning } from './meaning.js';
import { ReferenceDecoder } from './reference-decoder.js';

/** A session as it was recorded; `isRelation` says of each message whether it is a Relation message of protocol 1. */
interface Seed {
  readonly messages: readonly Buffer[];
  readonly isRelation: readonly boolean[];
}

export const SEEDS: readonly Seed[] = recordedVersions().flatMap((version) =>
  [...readRecording(version).values()].map((messages) => {
    const reference = new ReferenceDecoder();
    return { messages, isRelation: messages.map((message) => referenceMeaning(reference, message).startsWith('["R"')) };
  }),
);

const KINDS = Buffer.from('BCORYIUDTMSEcAbPKrpNKOntub\0', 'latin1');
const NUMBERS = [
  0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** A place in bytes of any length: 0 is the beginning, 1 the end. Mostly near the beginning, where the structure is. */
const anyPlace = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.nat({ max: 64 }).map((at) => -at),
);

type Mutation = (bytes: Buffer) => Buffer;

/** A negative place counts bytes from the beginning. */
function offsetIn(bytes: Buffer, place: number): number {
  return place < 0 ? Math.min(-place, bytes.length) : Math.floor(place * bytes.length);
}

const flipBit = fc.tuple(anyPlace, fc.nat({ max: 7 })).map(([place, bit]): Mutation => (bytes) => {
  const at = offsetIn(bytes, place);
  if (at < bytes.length) bytes[at] ^= 1 << bit;
  return bytes;
});

const setByte = fc
  .tuple(anyPlace, fc.oneof(fc.constantFrom(...KINDS), fc.nat({ max: 255 })))
  .map(([place, value]): Mutation => (bytes) => {
    const at = offsetIn(bytes, place);
    if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

/** Counts and lengths are of two and four bytes. */
const setNumber = fc
  .tuple(anyPlace, fc.constantFrom(...NUMBERS), fc.constantFrom(2, 4))
  .map(([place, value, size]): Mutation => (bytes) => {
    const at = offsetIn(bytes, place);
    if (at + size <= bytes.length) bytes.writeUIntBE(size === 2 ? value & 0xffff : value, at, size);
    return bytes;
  });

/** Adds a little to a number of two or four bytes. */
const nudgeNumber = fc
  .tuple(anyPlace, fc.integer({ min: -3, max: 3 }), fc.constantFrom(2, 4))
  .map(([place, change, size]): Mutation => (bytes) => {
    const at = offsetIn(bytes, place);
    if (at + size <= bytes.length) {
      const value = bytes.readUIntBE(at, size) + change;
      bytes.writeUIntBE(Math.min(Math.max(value, 0), 256 ** size - 1), at, size);
    }
    return bytes;
  });

const truncate = anyPlace.map(
  (place): Mutation =>
    (bytes) =>
      bytes.subarray(0, offsetIn(bytes, place)),
);

const remove = fc.tuple(anyPlace, anyPlace).map(([from, to]): Mutation => (bytes) => {
  const [start, end] = [offsetIn(bytes, from), offsetIn(bytes, to)].toSorted((a, b) => a - b);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
});

const repeat = fc
  .tuple(anyPlace, anyPlace, fc.integer({ min: 2, max: 5 }))
  .map(([from, to, times]): Mutation => (bytes) => {
    const [start, end] = [offsetIn(bytes, from), offsetIn(bytes, to)].toSorted((a, b) => a - b);
    const part = bytes.subarray(start, Math.min(end, start + 4096));
    return Buffer.concat([bytes.subarray(0, start), ...Array.from({ length: times }, () => part), bytes.subarray(end)]);
  });

const insert = fc.tuple(anyPlace, fc.uint8Array({ maxLength: 24 })).map(([place, added]): Mutation => (bytes) => {
  const at = offsetIn(bytes, place);
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
});

/** The beginning of one message and the end of another. */
function splice(seed: Seed): fc.Arbitrary<Mutation> {
  return fc
    .tuple(anyPlace, anyPlace, fc.nat({ max: seed.messages.length - 1 }))
    .map(([place, otherPlace, index]): Mutation => (bytes) => {
      const other = seed.messages[index];
      return Buffer.concat([bytes.subarray(0, offsetIn(bytes, place)), other.subarray(offsetIn(other, otherPlace))]);
    });
}

/** Some changes to some bytes, often none. */
export function anyMutation(seed: Seed): fc.Arbitrary<Mutation> {
  const one = fc.oneof(flipBit, setByte, setNumber, nudgeNumber, truncate, remove, repeat, insert, splice(seed));
  return fc.array(one, { maxLength: 3 }).map((mutations): Mutation => (bytes) => {
    let changed: Buffer = Buffer.from(bytes);
    for (const mutate of mutations) changed = mutate(changed);
    return changed;
  });
}

/** Messages, and the Relation messages that a decoder is given before them. */
export interface Messages {
  readonly known: readonly Buffer[];
  readonly messages: readonly Buffer[];
}

const SEED_MUTATIONS = SEEDS.map((seed) =>
  fc
    .tuple(
      fc.nat({ max: seed.messages.length - 1 }),
      fc.array(anyMutation(seed), { minLength: 1, maxLength: 8 }),
      // Without what came before, most rows are of relations that nobody announced.
      fc.integer({ min: 0, max: 9 }).map((digit) => digit > 0),
    )
    .map(([first, mutations, knows]): Messages => {
      const taken = seed.messages.slice(first, first + mutations.length);
      const messages = taken.map((message, index) => mutations[index](message));
      const known = seed.messages.filter((_, index) => index < first && seed.isRelation[index]);
      return { known: knows ? known : [], messages };
    }),
);

/** Consecutive messages of a session, each perhaps mutated. */
export const mutatedMessages: fc.Arbitrary<Messages> = fc.oneof(...SEED_MUTATIONS);

/** Bytes that begin like a message, or like nothing. */
export const arbitraryMessages: fc.Arbitrary<Messages> = fc
  .array(
    fc
      .tuple(fc.option(fc.constantFrom(...KINDS), { nil: undefined }), fc.uint8Array({ maxLength: 200 }))
      .map(([kind, rest]) => Buffer.from(kind === undefined ? rest : [kind, ...rest])),
    { maxLength: 6 },
  )
  .map((messages) => ({ known: [], messages }));
