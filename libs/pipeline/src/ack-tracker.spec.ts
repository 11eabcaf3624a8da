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
    expect(() => tracker.settled(1, 3)).toThrow(RangeError);
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
});
