import { describe, expect, it } from 'vitest';
import { EventMaker, testEventId } from '../testing/outgoing-events.js';
import { HeaderWriter } from './header-writer.js';

const two = () => {
  const [first, second] = new EventMaker('app').batch(2);
  if (first === undefined || second === undefined) throw new Error('no events');
  return { first, second };
};

describe('HeaderWriter', () => {
  it('names the message, its predecessor, place and type', () => {
    const { first, second } = two();
    const header = new HeaderWriter(false).write({ ...second, ordinal: 4294967295 }, true, first, -1);
    expect(header.toString()).toBe(
      `NATS/1.0\r\nNats-Msg-Id: ${testEventId(2)}\r\nNats-Expected-Last-Msg-Id: ${testEventId(1)}\r\n` +
        'Content-Type: application/json\r\nWal-Lsn: 0/200\r\nWal-Ordinal: 4294967295\r\n\r\n',
    );
  });

  it('names the last sequence, and leaves the id out when asked to', () => {
    const { first } = two();
    expect(new HeaderWriter(false).write(first, false, undefined, 1234567890123).toString()).toBe(
      'NATS/1.0\r\nNats-Expected-Last-Sequence: 1234567890123\r\n' +
        'Content-Type: application/json\r\nWal-Lsn: 0/100\r\nWal-Ordinal: 0\r\n\r\n',
    );
    expect(new HeaderWriter(false).write(first, false, undefined, -1).toString()).toMatch(
      /^NATS\/1\.0\r\nContent-Type: /,
    );
  });

  it('adds what the transaction and table are, without letting a name break the header', () => {
    const { first } = two();
    const route = { ...first.route, table: 'bad\r\nEvil: テ' };
    const text = new HeaderWriter(true).write({ ...first, route }, true, undefined, -1).toString();
    expect(text).toContain(
      '\r\nWal-Xid: 701\r\nWal-Commit-Time: 2026-01-02T03:04:05.678901Z\r\nWal-Table: public.bad__Evil: テ\r\nWal-Action: INSERT\r\n\r\n',
    );
  });

  it('never writes again into bytes that it gave out', () => {
    const writer = new HeaderWriter(false);
    const given = new EventMaker('app').batch(5000).map((event) => {
      const header = writer.write(event, true, undefined, -1);
      return { header, text: header.toString() };
    });
    expect(given.every(({ header, text }) => header.toString() === text)).toBe(true);
  });
});
