import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckTracker } from './ack-tracker.js';

/** The same promises, written so naively that they are plainly right: everything is kept and looked through each time. */
class NaiveModel {
  private readonly log: { kind: 'event' | 'mark'; seq: number; lsn: bigint; durable: boolean; open: boolean }[] = [];
  private seq = 0;
  inTransaction = false;

  event(): number {
    this.log.push({ kind: 'event', seq: ++this.seq, lsn: 0n, durable: false, open: true });
    return this.seq;
  }

  commit(lsn: bigint): void {
    this.inTransaction = false;
    this.log.push({ kind: 'mark', seq: 0, lsn, durable: true, open: false });
  }

  keepalive(lsn: bigint): void {
    if (!this.inTransaction) this.log.push({ kind: 'mark', seq: 0, lsn, durable: true, open: false });
  }

  settle(seq: number): void {
    for (const entry of this.log) if (entry.kind === 'event' && entry.seq === seq) entry.durable = true;
  }

  unsettled(): number[] {
    return this.log.filter((entry) => !entry.durable).map((entry) => entry.seq);
  }

  confirmable(): bigint | undefined {
    let best: bigint | undefined;
    for (const entry of this.log) {
      if (!entry.durable) return best;
      if (entry.kind === 'mark' && (best === undefined || entry.lsn > best)) best = entry.lsn;
    }
    return best;
  }

  window(): number {
    const first = this.log.findIndex((entry) => !entry.durable);
    return first < 0 ? 0 : this.log.slice(first).filter((entry) => entry.kind === 'event').length;
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('rows' as const), count: fc.integer({ min: 0, max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('keepalive' as const), ahead: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('boundary' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      count: fc.integer({ min: 1, max: 30 }),
    }),
  },
);

describe('AckTracker', () => {
  it('confirms exactly what a naive model confirms, whatever the order of events, acknowledgements and keepalives', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const tracker = new AckTracker();
        const model = new NaiveModel();
        let lsn = 100n;
        for (const action of steps) {
          if (action.kind === 'rows') {
            if (!model.inTransaction) continue;
            for (let i = 0; i < action.count; i++) expect(tracker.event(10)).toBe(model.event());
          } else if (action.kind === 'keepalive') {
            lsn += BigInt(action.ahead);
            tracker.keepalive(lsn);
            model.keepalive(lsn);
          } else if (action.kind === 'boundary') {
            lsn += 8n;
            if (model.inTransaction) {
              tracker.commit(lsn);
              model.commit(lsn);
            } else {
              tracker.begin(0);
              model.inTransaction = true;
            }
          } else {
            const open = model.unsettled();
            if (open.length === 0) continue;
            let index = Math.floor(action.at * open.length);
            const from = open[index];
            let to = from;
            while (to - from < action.count - 1 && open[index + 1] === to + 1) {
              index++;
              to++;
            }
            tracker.settled(from, to);
            for (let seq = from; seq <= to; seq++) model.settle(seq);
          }
          expect(tracker.confirmable).toBe(model.confirmable());
          expect(tracker.windowEvents).toBe(model.window());
          expect(tracker.windowBytes).toBe(model.window() * 10);
          expect(tracker.isIdle).toBe(!model.inTransaction && model.window() === 0);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('does not confirm a commit whose last event is not durable', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    tracker.event(1);
    tracker.event(1);
    tracker.commit(50n);
    tracker.settled(2, 2);
    expect(tracker.confirmable).toBeUndefined();
    tracker.settled(1, 1);
    expect(tracker.confirmable).toBe(50n);
  });

  it('ignores a keepalive inside a transaction', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    tracker.keepalive(90n);
    expect(tracker.confirmable).toBeUndefined();
    tracker.commit(91n);
    expect(tracker.confirmable).toBe(91n);
  });

  it('never confirms 0/0', () => {
    const tracker = new AckTracker();
    tracker.keepalive(0n);
    expect(tracker.confirmable).toBeUndefined();
  });

  it('refuses acknowledgements that cannot be', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    tracker.event(1);
    tracker.event(1);
    expect(() => tracker.settled(1, 3)).toThrow(new RangeError('settled 1..3 outside the window 1..2'));
    expect(() => tracker.settled(0, 1)).toThrow(new RangeError('settled 0..1 outside the window 1..2'));
    expect(() => tracker.settled(2, 1)).toThrow(new RangeError('settled 2..1 outside the window 1..2'));
    tracker.settled(2, 2);
    expect(() => tracker.settled(2, 2)).toThrow(/twice/);
    tracker.settled(1, 1);
    expect(() => tracker.settled(1, 1)).toThrow(RangeError);
  });

  it('keeps one mark for any number of empty transactions and keepalives', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    tracker.event(1);
    tracker.commit(10n);
    for (let lsn = 11n; lsn < 5000n; lsn++) tracker.keepalive(lsn);
    expect((tracker as unknown as { marks: unknown[] }).marks).toHaveLength(1);
    expect(tracker.confirmable).toBeUndefined();
    tracker.settled(1, 1);
    expect(tracker.confirmable).toBe(4999n);
  });

  it('knows the age of what is not durable, also of a transaction that is only half read', () => {
    const tracker = new AckTracker();
    tracker.begin(5);
    tracker.event(1);
    expect(tracker.oldestPendingCommitMs).toBe(5);
    tracker.commit(10n);
    tracker.begin(7);
    tracker.event(1);
    expect(tracker.oldestPendingCommitMs).toBe(5);
    tracker.settled(1, 1);
    expect(tracker.oldestPendingCommitMs).toBe(7);
    tracker.settled(2, 2);
    tracker.commit(20n);
    expect(tracker.oldestPendingCommitMs).toBeUndefined();
  });

  it('refuses what is out of place', () => {
    const tracker = new AckTracker();
    expect(() => tracker.event(1)).toThrow(new RangeError('an event outside a transaction'));
    expect(() => tracker.commit(1n)).toThrow(new RangeError('a commit without begin'));
    tracker.begin(0);
    expect(() => tracker.begin(0)).toThrow(new RangeError('a transaction began inside another'));
    tracker.commit(1n);
    expect(() => tracker.commit(2n)).toThrow(RangeError);
    expect(() => tracker.event(1)).toThrow(RangeError);
  });

  it('never goes back, whether or not events are waiting', () => {
    const tracker = new AckTracker();
    tracker.keepalive(50n);
    tracker.keepalive(40n);
    expect(tracker.confirmable).toBe(50n);
    tracker.begin(0);
    tracker.event(1);
    tracker.commit(60n);
    tracker.keepalive(55n);
    tracker.settled(1, 1);
    expect(tracker.confirmable).toBe(60n);
    tracker.begin(0);
    tracker.event(1);
    tracker.commit(30n);
    tracker.settled(2, 2);
    expect(tracker.confirmable).toBe(60n);
  });

  it('counts sequence numbers from 1 and knows up to where all are durable', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    expect([tracker.nextSeq, tracker.durableBefore]).toEqual([1, 1]);
    expect([tracker.event(1), tracker.event(1), tracker.event(1)]).toEqual([1, 2, 3]);
    tracker.settled(2, 2);
    expect([tracker.nextSeq, tracker.durableBefore]).toEqual([4, 1]);
    tracker.settled(1, 1);
    expect([tracker.nextSeq, tracker.durableBefore]).toEqual([4, 3]);
  });

  it('holds windows of any size, however long it lives', () => {
    const tracker = new AckTracker();
    const capacity = () => (tracker as unknown as { sizes: Int32Array }).sizes.length;
    let settledTo = 0;
    let lsn = 0n;
    for (const [size, capacityThen] of [
      [2, 1024],
      [1023, 1024],
      [1024, 1024],
      [1025, 2048],
      [3000, 4096],
      [5000, 8192],
      [20_000, 32_768],
      [2, 32_768],
    ]) {
      tracker.begin(0);
      let bytes = 0;
      for (let index = 0; index < size; index++) {
        bytes += index % 7;
        tracker.event(index % 7);
      }
      tracker.commit(++lsn);
      expect([tracker.windowEvents, tracker.windowBytes, capacity()]).toEqual([size, bytes, capacityThen]);
      const first = settledTo + 1;
      settledTo += size;
      for (let seq = settledTo; seq > first; seq--) tracker.settled(seq, seq);
      expect(() => tracker.settled(settledTo, settledTo)).toThrow(/twice/);
      expect([tracker.windowEvents, tracker.confirmable]).toEqual([size, lsn === 1n ? undefined : lsn - 1n]);
      tracker.settled(first, first);
      expect([tracker.windowEvents, tracker.windowBytes, tracker.confirmable]).toEqual([0, 0, lsn]);
    }
  });

  it('remembers, when its window grows, which events are durable and how large all are', () => {
    const tracker = new AckTracker();
    tracker.begin(0);
    const sizeOf = (seq: number) => seq % 7;
    let bytes = 0;
    const add = (count: number) => {
      for (let index = 0; index < count; index++) bytes += sizeOf(tracker.event(sizeOf(tracker.nextSeq)));
    };
    add(700);
    tracker.settled(1, 500);
    for (let seq = 1; seq <= 500; seq++) bytes -= sizeOf(seq);
    tracker.settled(502, 700);
    // The window lies across the end of the memory when this makes it grow.
    add(5000);
    expect(tracker.windowBytes).toBe(bytes);
    expect(() => tracker.settled(502, 502)).toThrow('event 502 was reported durable twice');
    expect(() => tracker.settled(700, 700)).toThrow('event 700 was reported durable twice');
    tracker.settled(501, 501);
    expect(tracker.durableBefore).toBe(701);
    for (let seq = 501; seq <= 700; seq++) bytes -= sizeOf(seq);
    expect(tracker.windowBytes).toBe(bytes);
    tracker.settled(701, 5700);
    expect(tracker.windowBytes).toBe(0);
  });

  it('confirms each of very many waiting transactions, and forgets those that are done', () => {
    const tracker = new AckTracker();
    const marks = () => (tracker as unknown as { marks: unknown[] }).marks.length;
    const total = 20_000;
    for (let seq = 1; seq <= total; seq++) {
      tracker.begin(seq);
      tracker.event(1);
      tracker.commit(BigInt(seq) * 10n);
    }
    expect(marks()).toBe(total);
    let most = 0;
    let forgotAt: number | undefined;
    for (let seq = 1; seq < total; seq++) {
      tracker.settled(seq, seq);
      if (tracker.confirmable !== BigInt(seq) * 10n) expect([seq, tracker.confirmable]).toEqual([seq, seq * 10]);
      if (tracker.oldestPendingCommitMs !== seq + 1)
        expect([seq, tracker.oldestPendingCommitMs]).toEqual([seq, seq + 1]);
      // Not one by one, which would cost a shift each, but never more than as many as are waiting, and a few thousand.
      most = Math.max(most, marks() - 2 * (total - seq));
      if (marks() < total) forgotAt ??= seq;
    }
    expect(most).toBeLessThanOrEqual(4096);
    expect(forgotAt).toBe(total / 2 + 1);
    tracker.settled(total, total);
    expect(marks()).toBe(0);
  });
});
