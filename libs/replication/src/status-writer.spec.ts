import { beforeEach, describe, expect, it } from 'vitest';

import type { Clock } from '#lib/kernel';

import { StatusWriter } from './status-writer.js';

/** A clock whose time goes on only when told. */
class ManualClock implements Clock {
  private nowMs = 0;
  private timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }
  wallTime(): number {
    return Date.UTC(2026, 0, 2) + this.nowMs;
  }
  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.nowMs + ms, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  pass(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.nowMs = next.at;
      next.callback();
    }
    this.nowMs = end;
  }
  get pending(): number {
    return this.timers.length;
  }
}

describe('StatusWriter', () => {
  let clock: ManualClock;
  let sent: { atMs: number; message: Buffer }[];
  let wantsReply: boolean;
  let writer: StatusWriter;
  const positions = (): bigint[] => sent.map(({ message }) => message.readBigUInt64BE(9));

  beforeEach(() => {
    clock = new ManualClock();
    sent = [];
    wantsReply = false;
    writer = new StatusWriter({
      send: (message) => sent.push({ atMs: clock.now(), message: Buffer.from(message) }),
      clock,
      heartbeatIntervalMs: 10_000,
      wantsReply: () => wantsReply,
    });
  });

  it('says 0/0 on every heartbeat before anything is confirmed', () => {
    writer.start();
    clock.pass(30_000);
    expect(sent.map(({ atMs }) => atMs)).toEqual([10_000, 20_000, 30_000]);
    expect(positions()).toEqual([0n, 0n, 0n]);
  });

  it('writes the standby status update byte for byte', () => {
    writer.confirm(0x16_b374_d848n, 0x16_b374_d848n);
    writer.reply();
    const position = '00000016b374d848';
    // 2026-01-02 is 9,498 days after 2000-01-01.
    const time = (BigInt(9_498) * 86_400_000_000n).toString(16).padStart(16, '0');
    expect(sent[0]?.message.toString('hex')).toBe(`72${position}${position}${position}${time}00`);
  });

  it('reports a confirmed position within 100 ms, and what came meanwhile with it', () => {
    writer.start();
    writer.confirm(5n, 100n);
    clock.pass(30);
    writer.confirm(7n, 100n);
    clock.pass(70);
    expect(positions()).toEqual([7n]);
    clock.pass(9_000);
    expect(positions()).toEqual([7n]);
  });

  it('does not report a position twice when a reply took it along', () => {
    writer.confirm(5n, 100n);
    writer.reply();
    clock.pass(1_000);
    expect(positions()).toEqual([5n]);
  });

  it('asks for a sign of life when told to', () => {
    writer.start();
    clock.pass(10_000);
    wantsReply = true;
    clock.pass(10_000);
    writer.reply();
    expect(sent.map(({ message }) => message[33])).toEqual([0, 1, 0]);
  });

  it('refuses to go back or past what was received', () => {
    writer.confirm(5n, 10n);
    expect(() => writer.confirm(4n, 10n)).toThrow(RangeError);
    expect(() => writer.confirm(11n, 10n)).toThrow(RangeError);
    expect(writer.confirmed).toBe(5n);
    writer.confirm(10n, 10n);
  });

  it('leaves no timer behind', () => {
    writer.start();
    writer.confirm(5n, 10n);
    writer.stop();
    expect(clock.pending).toBe(0);
  });
});
