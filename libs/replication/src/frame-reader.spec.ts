import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { watchAllocations } from '../../../test/support/allocations.js';
import { FrameReader } from './frame-reader.js';

/** One message as on the wire. */
function message(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeUInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

const copyData = (text: string): Buffer => message('d', Buffer.from(text));

/** A reader that writes down what comes out: `d:` payloads of CopyData, other messages whole. */
function recorder(onCopyData: (reader: FrameReader, text: string) => void = () => undefined): {
  readonly reader: FrameReader;
  readonly seen: string[];
} {
  const seen: string[] = [];
  const reader: FrameReader = new FrameReader({
    copyData: (buffer, start, end) => {
      const text = buffer.toString('latin1', start, end);
      seen.push(`d:${text}`);
      onCopyData(reader, text);
    },
    other: (bytes) => seen.push(bytes.toString('latin1')),
  });
  return { reader, seen };
}

const STREAM = Buffer.concat([
  message('W', Buffer.from([0, 0, 0])),
  copyData('first'),
  copyData(''),
  message('N', Buffer.from('SWARNING\0\0')),
  copyData('second one'),
  message('c', Buffer.alloc(0)),
  copyData('third'),
]);
const EXPECTED = [
  'W\0\0\0\x07\0\0\0',
  'd:first',
  'd:',
  'N\0\0\0\x0eSWARNING\0\0',
  'd:second one',
  'c\0\0\0\x04',
  'd:third',
];

describe('FrameReader', () => {
  it('finds the same messages wherever the bytes are cut once', () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const { reader, seen } = recorder();
      reader.push(STREAM.subarray(0, cut));
      reader.push(STREAM.subarray(cut));
      expect(seen, `cut at ${cut}`).toEqual(EXPECTED);
    }
  });

  it('finds the same messages wherever the bytes are cut twice', () => {
    for (let first = 0; first <= STREAM.length; first += 1) {
      for (let second = first; second <= STREAM.length; second += 1) {
        const { reader, seen } = recorder();
        reader.push(STREAM.subarray(0, first));
        reader.push(STREAM.subarray(first, second));
        reader.push(STREAM.subarray(second));
        expect(seen, `cut at ${first} and ${second}`).toEqual(EXPECTED);
      }
    }
  });

  it('takes single bytes from one buffer that is overwritten each time', () => {
    const { reader, seen } = recorder();
    const one = Buffer.alloc(1);
    for (const byte of STREAM) {
      one[0] = byte;
      reader.push(one, 1);
    }
    expect(seen).toEqual(EXPECTED);
    expect(reader.frames).toBe(EXPECTED.length);
  });

  it('assembles a message far larger than a read', () => {
    const large = 'xyz'.repeat(900_000);
    const { reader, seen } = recorder();
    const bytes = Buffer.concat([copyData('before'), copyData(large), copyData('after')]);
    for (let at = 0; at < bytes.length; at += 65_536) reader.push(Buffer.from(bytes.subarray(at, at + 65_536)));
    expect(seen).toEqual(['d:before', `d:${large}`, 'd:after']);
  });

  it('takes memory for what has come, not for what a length claims', () => {
    using allocations = watchAllocations();
    const { reader, seen } = recorder();
    const header = Buffer.from('d\x3f\xff\xff\xff', 'latin1');
    reader.push(Buffer.concat([header, Buffer.alloc(100_000)]));
    for (let read = 0; read < 20; read += 1) reader.push(Buffer.alloc(100_000));
    expect(seen).toEqual([]);
    expect(allocations.largest).toBeLessThan(5 * 2_100_000);
  });

  it('stops after the message that held it and goes on with the rest, in order, from copies', () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const { reader, seen } = recorder((self) => self.hold());
      const socketBuffer = Buffer.alloc(STREAM.length);
      const read = (bytes: Buffer): void => {
        bytes.copy(socketBuffer);
        reader.push(socketBuffer, bytes.length);
        socketBuffer.fill(0xff);
      };
      read(STREAM.subarray(0, cut));
      read(STREAM.subarray(cut));
      const stops = [seen.length];
      while (reader.held) {
        reader.release();
        stops.push(seen.length);
      }
      expect(seen, `cut at ${cut}`).toEqual(EXPECTED);
      // Held at each of the four CopyData messages.
      expect(stops.length, `cut at ${cut}`).toBe(5);
    }
  });

  it('hands out any bytes as any messages, held anywhere, unchanged', () => {
    const texts = fc.array(fc.tuple(fc.constantFrom('d', 'N'), fc.string({ maxLength: 20 })), { maxLength: 12 });
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
    fc.assert(
      fc.property(texts, cuts, fc.nat({ max: 4 }), (messages, places, every) => {
        const bytes = Buffer.concat(messages.map(([type, text]) => message(type, Buffer.from(text, 'latin1'))));
        const { reader, seen } = recorder((self) => {
          if (seen.length % (every + 1) === 0) self.hold();
        });
        const ends = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].toSorted((a, b) => a - b);
        let at = 0;
        for (const end of ends) {
          reader.push(Buffer.from(bytes.subarray(at, end)));
          at = end;
          if (end % 2 === 0) reader.release();
        }
        while (reader.held) reader.release();
        expect(seen.filter((text) => text.startsWith('d:'))).toEqual(
          messages.filter(([type]) => type === 'd').map(([, text]) => `d:${text}`),
        );
        expect(reader.frames).toBe(messages.length);
      }),
    );
  });

  it('drops CopyData but not other messages once told to discard, also from within a message', () => {
    const { reader, seen } = recorder((self, text) => {
      if (text === 'second one') self.discard();
    });
    reader.push(STREAM);
    expect(seen).toEqual(EXPECTED.slice(0, -1));
  });

  it('drops what was kept when told to discard', () => {
    const { reader, seen } = recorder((self) => self.hold());
    reader.push(STREAM);
    reader.discard();
    expect(seen).toEqual([EXPECTED[0], EXPECTED[1], EXPECTED[3], EXPECTED[5]]);
    expect(reader.held).toBe(false);
  });

  it.each([3, 0x7fffffff])('refuses an impossible length of %i', (length) => {
    const bytes = Buffer.from([0x64, 0, 0, 0, 0]);
    bytes.writeUInt32BE(length, 1);
    expect(() => recorder().reader.push(bytes)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});
