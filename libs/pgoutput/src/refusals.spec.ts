import { bytes, encodeMessage, int64, name, relationOf, tupleOf, uint64, uint8 } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { parseLsn } from './lsn.js';
import type { Message } from './messages.js';
import { ProtocolError } from './protocol-error.js';
import { DecodeHarness } from './testing/decode-harness.js';

const USERS = relationOf([
  ['id', 20, 'key'],
  ['name', 25],
]);
const row = tupleOf(['1', null]);

function knowing(): DecodeHarness {
  const harness = new DecodeHarness();
  harness.learn(USERS);
  return harness;
}

/** What is said of a message, `what` of `pgoutput message 'X', offset n: what`. */
function reasonFor(message: Buffer): string {
  return knowing()
    .failure(message)
    .message.replace(/^pgoutput message '.*', offset \d+: /, '');
}

/** What is said of a message that ends too early, at each length that it is cut to; the same only once. */
function reasonsWhenCut(message: Message): readonly string[] {
  const encoded = encodeMessage(message);
  const lengths = Array.from({ length: encoded.length - 1 }, (_, index) => index + 1);
  return [...new Set(lengths.map((length) => reasonFor(encoded.subarray(0, length))))];
}

/** Of a field of fixed width of which 0, 1, … bytes are there. */
const fixed = (what: string, width: number) =>
  Array.from({ length: width }, (_, left) => `${what} needs ${width} bytes, ${left} are left`);

describe('a message that ends too early', () => {
  it.each<[Message, readonly string[]]>([
    [
      { type: 'begin', commitLsn: 1n, commitTimestamp: 2n, xid: 3 },
      [...fixed('final LSN', 8), ...fixed('commit timestamp', 8), ...fixed('xid', 4)],
    ],
    [
      { type: 'commit', commitLsn: 1n, endLsn: 2n, commitTimestamp: 3n },
      [...fixed('commit flags', 1), ...fixed('commit LSN', 8), ...fixed('end LSN', 8), ...fixed('commit timestamp', 8)],
    ],
    [{ type: 'origin', originLsn: 1n, name: 'north' }, [...fixed('origin LSN', 8), 'origin name has no end']],
    [
      { type: 'type', oid: 1, schema: 'public', name: 'mood' },
      [...fixed('type OID', 4), 'schema name has no end', 'type name has no end'],
    ],
    [
      { type: 'relation', relation: relationOf([['id', 20]]) },
      [
        ...fixed('relation OID', 4),
        'schema name has no end',
        'table name has no end',
        ...fixed('replica identity', 1),
        ...fixed('number of columns', 2),
        ...fixed('column flags', 1),
        'column name has no end',
        ...fixed('type OID', 4),
        ...fixed('type modifier', 4),
      ],
    ],
    [
      { type: 'truncate', relations: [USERS], cascade: false, restartIdentity: false },
      [
        ...fixed('number of relations', 4),
        ...fixed('truncate options', 1),
        ...[0, 1, 2, 3].map((left) => `1 relations need 4 bytes, ${left} are left`),
      ],
    ],
    [
      { type: 'message', transactional: false, lsn: 1n, prefix: 'p', content: Buffer.from('ab') },
      [
        ...fixed('message flags', 1),
        ...fixed('message LSN', 8),
        'message prefix has no end',
        ...fixed('content length', 4),
        ...fixed('content', 2),
      ],
    ],
    [
      { type: 'insert', relation: USERS, newTuple: row },
      [
        'relation OID is cut off',
        'new row is missing',
        'number of columns is cut off',
        'column 0 is cut off',
        'length of column 0 is cut off',
        'column 0 claims 1 bytes, 0 are left',
        'column 1 is cut off',
      ],
    ],
    [
      { type: 'delete', relation: USERS, oldKind: 'key', oldTuple: row },
      [
        'relation OID is cut off',
        'old row is missing',
        'number of columns is cut off',
        'column 0 is cut off',
        'length of column 0 is cut off',
        'column 0 claims 1 bytes, 0 are left',
        'column 1 is cut off',
      ],
    ],
  ])('says which field lacks its bytes: $type', (message, reasons) => {
    expect(reasonsWhenCut(message)).toEqual(reasons);
  });

  it('is not completed by what follows it', () => {
    const { decoder } = knowing();
    for (const [kind, following] of [
      ['I', 'N'],
      ['U', 'K'],
      ['U', 'O'],
      ['U', 'N'],
      ['D', 'K'],
    ]) {
      const message = bytes(kind, '\0\0\x40\0');
      const chunk = bytes(message, following, '\0\x02nn', 'N', '\0\x02nn');
      expect(() => decoder.decode(chunk, 0, message.length)).toThrow(/offset 5: (new|old) row is missing/);
    }
  });
});

describe('a malformed message', () => {
  const head = bytes('R', 'abcd', name('s'), name('t'));

  it.each([
    ['flags of Commit', bytes('C', uint8(255), uint64(1n), uint64(2n), int64(3n)), 'unknown commit flags 0xff'],
    ['flags of a message', bytes('M', uint8(2), uint64(1n), name('p'), '\0\0\0\0'), 'unknown message flags 0x2'],
    ['options of Truncate', bytes('T', '\0\0\0\x01', uint8(12)), 'unknown truncate options 0xc'],
    ['flags of a column', bytes(head, 'd', '\0\x01', uint8(16)), 'unknown column flags 0x10'],
    ['a negative number of columns', bytes(head, 'd', '\xff\xff'), 'negative number of columns -1'],
    ['a negative number of relations', bytes('T', '\xff\xff\xff\xff\0'), 'negative number of relations -1'],
    [
      'a negative length of content',
      bytes('M', '\0', uint64(1n), name('p'), '\x80\0\0\0'),
      'negative content length -2147483648',
    ],
    ['an unknown replica identity', bytes(head, 'x', '\0\0'), "unknown replica identity 'x'"],
    ['a name that is not UTF-8', bytes('O', uint64(1n), '\xff\0'), 'origin name is not UTF-8'],
    ['bytes after the end', bytes('O', uint64(1n), name('n'), 'xyz'), "3 bytes after the message's end"],
    ['an unknown kind', bytes('Z'), 'unknown kind'],
    ['an insert of an old row', bytes('I', '\0\0\x40\0', 'K', '\0\x02nn'), "expected a new row ('N'), found 'K'"],
    ['a delete of a new row', bytes('D', '\0\0\x40\0', 'N', '\0\x02nn'), "expected an old row ('K' or 'O'), found 'N'"],
    ['a binary value', bytes('I', '\0\0\x40\0', 'N', '\0\x02nb'), "column 1 is binary; text was asked for ('b')"],
    ['an unknown kind of value', bytes('I', '\0\0\x40\0', 'N', '\0\x02nx'), "column 1 is of unknown kind ('x')"],
    [
      'a negative length',
      bytes('I', '\0\0\x40\0', 'N', '\0\x02nt\xff\xff\xff\xff'),
      'column 1 claims -1 bytes, 0 are left',
    ],
    ['bytes after a row', bytes('I', '\0\0\x40\0', 'N', '\0\x02nnxy'), "2 bytes after the message's end"],
    ['too many columns', bytes('I', '\0\0\x40\0', 'N', '\x01\x02nn'), 'tuple has 258 columns, its relation 2'],
  ])('is refused with its reason: %s', (_, message, reason) => {
    expect(reasonFor(message)).toBe(reason);
  });

  it('is named with kind and offset', () => {
    const error = knowing().failure(bytes('Z'));
    expect(error).toMatchObject({ name: 'ProtocolError', message: "pgoutput message 'Z', offset 0: unknown kind" });
    expect(() => knowing().decoder.decode(Buffer.from('B'), 1, 1)).toThrow(new ProtocolError('empty message', 0, ''));
  });

  it.each([
    [' ', '0x20'],
    ['!', '!'],
    ['~', '~'],
    ['\x7f', '0x7f'],
    ['\x01', '0x01'],
    ['\xfe', '0xfe'],
  ])('of kind %j is named %s', (kind, messageType) => {
    expect(knowing().failure(bytes(kind))).toMatchObject({ messageType });
  });

  it('that is no LSN is quoted', () => {
    expect(() => parseLsn('1/"')).toThrow(new RangeError('not an LSN: "1/\\""'));
  });
});
