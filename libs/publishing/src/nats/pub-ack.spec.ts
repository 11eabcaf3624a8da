import { describe, expect, it } from 'vitest';
import { PubAckReader } from './pub-ack.js';

const read = (text: string, stream = 'app') => ({ ...new PubAckReader(stream).read(Buffer.from(text)) });

describe('PubAckReader', () => {
  it.each([
    ['{"stream":"app", "seq":1}', 1, false],
    ['{"stream":"app", "seq":9007199254740991}', Number.MAX_SAFE_INTEGER, false],
    ['{"stream":"app","seq":12}', 12, false],
    ['{"stream":"app", "seq":7,"duplicate": true}', 7, true],
    ['{"stream":"app", "domain":"hub", "seq":7}', 7, false],
  ])('%s', (text, seq, duplicate) => {
    expect(read(text)).toEqual({ kind: 'stored', seq, duplicate });
  });

  it('an error', () => {
    const text =
      '{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"app","seq":0}';
    expect(read(text)).toEqual({
      kind: 'refused',
      error: { code: 503, err_code: 10077, description: 'maximum bytes exceeded' },
    });
  });

  it.each([
    '{"stream":"other", "seq":1}',
    '{"stream":"app", "seq":0,"x":1}',
    '{"stream":"app"}',
    '{"stream":"app", "seq":1',
    'x',
  ])('never counts %s as stored', (text) => {
    expect(read(text).kind).toBe('refused');
  });

  it('an empty message says that nobody listens', () => {
    expect(read('')).toEqual({ kind: 'noResponders' });
  });
});
