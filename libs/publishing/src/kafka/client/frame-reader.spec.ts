import { describe, expect, it } from 'vitest';
import { FrameReader } from './frame-reader.js';

const frame = (text: string) => {
  const size = Buffer.alloc(4);
  size.writeInt32BE(text.length);
  return Buffer.concat([size, Buffer.from(text)]);
};

describe('FrameReader', () => {
  const texts = ['first', 'the second', '4444', 'last one'];
  const stream = Buffer.concat(texts.map(frame));

  it('finds the frames however the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new FrameReader();
      const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
      expect(frames.map(String)).toEqual(texts);
    }
  });

  it('finds them byte by byte', () => {
    const reader = new FrameReader();
    const frames = [...stream].flatMap((byte) => [...reader.push(Buffer.from([byte]))]);
    expect(frames.map(String)).toEqual(texts);
  });

  it.each([
    ['negative', 'ffffffff'],
    ['too small for an answer', '00000003'],
    ['a TLS alert', '15030300020228'],
    ['an HTTP answer', Buffer.from('HTTP/1.1 400').toString('hex')],
  ])('throws when a size is %s', (_what, hex) => {
    expect(() => new FrameReader().push(Buffer.from(hex, 'hex'))).toThrow(RangeError);
  });
});
