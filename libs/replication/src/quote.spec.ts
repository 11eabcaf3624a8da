import { describe, expect, it } from 'vitest';

import { quoteIdentifier, quoteLiteral, quotePublicationNames, quoteTable } from './quote.js';
import { startReplicationSql } from './replication-session.js';

describe('quoting', () => {
  it('doubles what ends a name or text', () => {
    expect(quoteIdentifier('a"b')).toBe('"a""b"');
    expect(quoteLiteral("it's")).toBe("'it''s'");
    expect(quoteLiteral('back\\slash')).toBe("'back\\slash'");
    expect(quoteTable('My Schema', 'T"')).toBe('"My Schema"."T"""');
  });

  it('leaves no control character in what is printed for people to run', () => {
    expect(quoteIdentifier('a\nDROP TABLE "t"; --\\')).toBe(String.raw`U&"a\000aDROP TABLE ""t""; --\\"`);
    expect(quoteLiteral("it's\r\u009b")).toBe(String.raw`U&'it''s\000d\009b'`);
    // Replication commands know no escapes.
    expect(quotePublicationNames(['a\nb'])).toBe(`'"a\nb"'`);
  });

  it('quotes publication names on both levels', () => {
    expect(quotePublicationNames(['wal-listener'])).toBe(`'"wal-listener"'`);
    expect(quotePublicationNames(["it's", 'a"b,c'])).toBe(`'"it''s","a""b,c"'`);
  });

  it('starts at the position the server knows', () => {
    const sql = startReplicationSql({ slot: 's1', publications: ['a', 'B'], originNone: false });
    expect(sql).toBe(`START_REPLICATION SLOT "s1" LOGICAL 0/0 (proto_version '1', publication_names '"a","B"')`);
    expect(startReplicationSql({ slot: 's1', publications: ['a'], originNone: true })).toContain("origin 'none'");
  });
});
