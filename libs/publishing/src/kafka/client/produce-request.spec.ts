import { describe, expect, it } from 'vitest';
import { produceAnswer, produceRequest } from './produce-request.js';

const hex = (...parts: readonly string[]) => Buffer.from(parts.join(''), 'hex');
const text = (value: string) => value.length.toString(16).padStart(4, '0') + Buffer.from(value).toString('hex');

describe('produceRequest', () => {
  it('asks for acknowledgement by all replicas, topic by topic', () => {
    const batches = [
      { topic: 'a', partition: 3, records: Buffer.from('first') },
      { topic: 'ö', partition: 0, records: Buffer.from('second') },
      { topic: 'a', partition: 7, records: Buffer.from('third') },
    ];
    const body = Buffer.concat(produceRequest(batches, 1500));
    expect(body.toString('hex')).toBe(
      hex(
        'ffff', // no transaction
        'ffff', // acks: all
        '000005dc', // timeout
        '00000002', // topics
        '000161',
        '00000002', // partitions
        '0000000300000005' + Buffer.from('first').toString('hex'),
        '0000000700000005' + Buffer.from('third').toString('hex'),
        '0002c3b6',
        '00000001',
        '0000000000000006' + Buffer.from('second').toString('hex'),
      ).toString('hex'),
    );
  });

  it('does not copy the records', () => {
    const records = Buffer.from('records');
    expect(produceRequest([{ topic: 'a', partition: 0, records }], 1).at(-1)).toBe(records);
  });
});

describe('produceAnswer', () => {
  const topic = ['00000001', text('t'), '00000002'];
  const stored = ['00000000', '0000', '000000000000002a', 'ffffffffffffffff'];
  const refused = ['00000005', '0057', 'ffffffffffffffff', 'ffffffffffffffff'];
  const logStart = '0000000000000000';
  const expected = [
    { topic: 't', partition: 0, errorCode: 0, baseOffset: 42n },
    { topic: 't', partition: 5, errorCode: 87, errorName: 'INVALID_RECORD', baseOffset: -1n },
  ];

  it.each([
    [3, hex(...topic, ...stored, ...refused, '00000000')],
    [4, hex(...topic, ...stored, ...refused, '00000000')],
    [5, hex(...topic, ...stored, logStart, ...refused, logStart, '00000000')],
    [7, hex(...topic, ...stored, logStart, ...refused, logStart, '00000000')],
    [8, hex(...topic, ...stored, logStart, '00000000', 'ffff', ...refused, logStart, '00000000', 'ffff', '00000000')],
  ])('is read in version %i', (version, body) => {
    expect(produceAnswer(body, version)).toEqual({ outcomes: expected, throttleMs: 0 });
  });

  it("holds the broker's words and how long it throttles", () => {
    const words = ['00000001', '00000002', text('no key'), text('invalid record')];
    const body = hex('00000001', text('t'), '00000001', ...refused, logStart, ...words, '000000fa');
    expect(produceAnswer(body, 8)).toEqual({
      outcomes: [{ ...expected[1], errorMessage: 'invalid record', recordErrors: [{ index: 2, message: 'no key' }] }],
      throttleMs: 250,
    });
  });

  it('is refused when it is cut short', () => {
    const body = hex(...topic, ...stored, ...refused, '00000000');
    for (let end = 0; end < body.length; end++) {
      expect(() => produceAnswer(body.subarray(0, end), 3)).toThrow(RangeError);
    }
  });
});
