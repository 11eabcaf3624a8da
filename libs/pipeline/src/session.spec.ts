import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutgoingEvent } from '#lib/events';
import { AppError, deferred, noMetrics, noReports, silentLogger, type Clock } from '#lib/kernel';
import type { Publisher } from '#lib/publishing';
import type { ChangeStream, ValveReason } from '#lib/replication';
import { AckTracker } from './ack-tracker.js';
import { OutageReports } from './outage-reports.js';
import { PipelineState } from './pipeline-state.js';
import { Session, type SessionLimits } from './session.js';
import { readiness } from './testing/readiness.js';

const slab = Buffer.alloc(1000);
const route = { schema: 'public', table: 't', topic: 'shop.public_t' };
const tx = { commitLsn: 1n, lsnText: '0/1', xid: 1, commitTime: '', commitTimeMs: 0 };

function event(seq: number): OutgoingEvent {
  const place = { slab, start: 0, end: 100, keySlab: slab, keyStart: 0, keyEnd: 0 };
  return { seq, route, tx, ordinal: 0, action: 'INSERT', barrier: false, ...place };
}

/** A stream and a publisher that do nothing but note what was asked of them. */
class Stage {
  readonly tracker = new AckTracker();
  readonly closed = deferred<void>();
  readonly confirmed: bigint[] = [];
  readonly held = new Set<ValveReason>();
  readonly published: number[] = [];
  readonly stopped = vi.fn(async (_deadlineMs: number) => {
    await this.cutHealthCheck();
    this.closed.resolve();
  });
  /** What a stream does to a check that its end meets. */
  cutHealthCheck = (): Promise<unknown> => Promise.resolve();
  readonly health = { database: () => Promise.resolve(), broker: () => Promise.resolve() };
  gathered: OutgoingEvent[] = [];
  nowMs = 0;
  readonly clock: Clock = {
    now: () => this.nowMs,
    wallTime: () => this.nowMs,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
  readonly state = new PipelineState(this.clock, noMetrics, 90_000);
  readonly session: Session;

  constructor(limits: Partial<SessionLimits> = {}) {
    const stream = {
      start: () => undefined,
      hold: (reason: ValveReason) => this.held.add(reason),
      release: (reason: ValveReason) => this.held.delete(reason),
      confirm: (lsn: bigint) => this.confirmed.push(lsn),
      closed: this.closed.promise,
      stop: this.stopped,
      silentForMs: () => 0,
      checkHealth: () => this.health.database(),
    } as unknown as ChangeStream;
    const publisher = {
      publish: (events: readonly OutgoingEvent[]) => this.published.push(...events.map(({ seq }) => seq)),
      checkHealth: () => this.health.broker(),
    } as unknown as Publisher;
    const pump = {
      message: () => undefined,
      release: () => undefined,
      take: () => {
        const taken = this.gathered;
        this.gathered = [];
        return taken;
      },
    };
    const { tracker, state, clock } = this;
    this.session = new Session(
      {
        stream,
        publisher,
        pump,
        tracker,
        state,
        clock,
        metrics: noMetrics,
        logger: silentLogger,
        outages: new OutageReports(noReports),
      },
      {
        maxInFlightEvents: 4,
        maxInFlightBytes: 1_000_000,
        maxPauseMs: 10_000,
        staleAfterMs: 60_000,
        refreshMs: 3_600_000,
        shutdownTimeoutMs: 1_000,
        ...limits,
      },
    );
  }

  /** One transaction of `rows` rows arrives in one gulp. */
  transaction(rows: number, endLsn: bigint): void {
    this.tracker.begin(0);
    for (let i = 0; i < rows; i++) this.gathered.push(event(this.tracker.event(100)));
    this.tracker.commit(endLsn);
    this.session.gulpEnd();
  }
}

describe('Session', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });

  it('confirms a transaction when its last event is durable, not before', () => {
    stage.transaction(2, 50n);
    expect(stage.published).toEqual([1, 2]);
    stage.session.settled(2, 2);
    expect(stage.confirmed).toEqual([]);
    stage.session.settled(1, 1);
    expect(stage.confirmed).toEqual([50n]);
  });

  it('moves the slot by keepalives when nothing is in flight, and only then', () => {
    stage.session.keepalive(40n);
    expect(stage.confirmed).toEqual([40n]);
    stage.transaction(1, 50n);
    stage.session.keepalive(60n);
    expect(stage.confirmed).toEqual([40n]);
    stage.session.settled(1, 1);
    expect(stage.confirmed).toEqual([40n, 60n]);
  });

  it('stops reading at the limit and goes on below the low mark', () => {
    stage.transaction(3, 50n);
    expect(stage.held).toEqual(new Set());
    stage.transaction(1, 60n);
    expect(stage.held).toEqual(new Set(['backpressure']));
    stage.session.settled(1, 1);
    expect(stage.held).toEqual(new Set(['backpressure']));
    stage.session.settled(2, 2);
    expect(stage.held).toEqual(new Set());
  });

  it('ends the attempt when the window stays full for longer than maxPause', async () => {
    vi.useFakeTimers();
    try {
      const run = stage.session.run(new AbortController().signal);
      const failed = expect(run).rejects.toMatchObject({ code: 'BROKER_TIMEOUT', retriable: true });
      stage.transaction(4, 50n);
      for (let second = 0; second < 11; second++) {
        stage.nowMs += 1000;
        await vi.advanceTimersByTimeAsync(1000);
      }
      await failed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends the attempt when one event stays unacknowledged for longer than maxPause, not while the oldest moves on', async () => {
    vi.useFakeTimers();
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        stage.nowMs += 1000;
        await vi.advanceTimersByTimeAsync(1000);
      }
    };
    try {
      const ended = vi.fn();
      const run = stage.session.run(new AbortController().signal).catch(ended);
      await pass(30);
      stage.transaction(3, 50n);
      await pass(9);
      stage.session.settled(1, 1);
      await pass(9);
      // What is acknowledged behind the oldest lets nothing be confirmed.
      stage.session.settled(3, 3);
      expect(ended).not.toHaveBeenCalled();
      await pass(2);
      await run;
      expect(ended.mock.calls).toMatchObject([[{ code: 'BROKER_TIMEOUT', retriable: true }]]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('on a stop waits for the broker whatever maxPause says', async () => {
    vi.useFakeTimers();
    try {
      const patient = new Stage({ maxPauseMs: 1000, shutdownTimeoutMs: 20_000 });
      const abort = new AbortController();
      const run = patient.session.run(abort.signal);
      patient.transaction(1, 50n);
      abort.abort();
      for (let second = 0; second < 5; second++) {
        patient.nowMs += 1000;
        await vi.advanceTimersByTimeAsync(1000);
      }
      patient.session.settled(1, 1);
      await run;
      expect(patient.confirmed).toEqual([50n]);
      expect(patient.stopped).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it('publishes nothing after standing still for longer than a takeover needs', async () => {
    const run = stage.session.run(new AbortController().signal);
    const failed = expect(run).rejects.toMatchObject({ code: 'PG_CONNECTION_LOST', retriable: true });
    stage.nowMs += 60_001;
    stage.transaction(1, 50n);
    expect(stage.published).toEqual([]);
    await failed;
  });

  it('on a stop drains, confirms and closes in good order', async () => {
    const abort = new AbortController();
    const run = stage.session.run(abort.signal);
    stage.transaction(1, 50n);
    abort.abort();
    await vi.waitFor(() => expect(stage.held).toEqual(new Set(['stopping'])));
    expect(stage.stopped).not.toHaveBeenCalled();
    stage.session.settled(1, 1);
    await run;
    expect(stage.confirmed).toEqual([50n]);
    expect(stage.stopped).toHaveBeenCalledOnce();
  });

  it('on a stop does not wait for ever for a broker that does not answer', async () => {
    const abort = new AbortController();
    const run = stage.session.run(abort.signal);
    stage.transaction(1, 50n);
    abort.abort();
    await run;
    expect(stage.confirmed).toEqual([]);
    expect(stage.stopped).toHaveBeenCalledOnce();
  });

  it('hears each side by itself, and does not ask again one that has not answered', async () => {
    const silent = deferred<never>();
    let asked = 0;
    stage = new Stage({ refreshMs: 1 });
    stage.state.enter('streaming');
    stage.health.database = () => {
      asked += 1;
      return silent.promise;
    };
    stage.health.broker = () => Promise.reject(new AppError('BROKER_TIMEOUT', 'no answer to a ping'));
    const abort = new AbortController();
    const run = stage.session.run(abort.signal);
    await vi.waitFor(() => expect(readiness(stage.state).detail).toBe('broker: BROKER_TIMEOUT'));
    stage.health.broker = () => Promise.resolve();
    await vi.waitFor(() => expect(readiness(stage.state).ok).toBe(true));
    expect(asked).toBe(1);
    silent.reject(new AppError('PG_CONNECTION_LOST', 'too late'));
    await vi.waitFor(() => expect(readiness(stage.state).detail).toBe('database: PG_CONNECTION_LOST'));
    abort.abort();
    await run;
  });

  it('fails with what the publisher or the stream failed with', async () => {
    const run = stage.session.run(new AbortController().signal);
    stage.session.failed(new AppError('POISON', 'too large'));
    await expect(run).rejects.toMatchObject({ code: 'POISON', retriable: false });

    const other = new Stage();
    const otherRun = other.session.run(new AbortController().signal);
    other.closed.reject(new AppError('SLOT_LOST', 'gone'));
    await expect(otherRun).rejects.toMatchObject({ code: 'SLOT_LOST' });
  });

  it('treats an acknowledgement that cannot be as a defect', async () => {
    const run = stage.session.run(new AbortController().signal);
    stage.transaction(1, 50n);
    stage.session.settled(7, 7);
    await expect(run).rejects.toMatchObject({ code: 'INTERNAL', retriable: false });
    expect(stage.confirmed).toEqual([]);
  });

  it('takes a health check that its own end cuts short for no failure', async () => {
    const asked = deferred<void>();
    stage.health.database = () => asked.promise;
    stage.cutHealthCheck = () => {
      asked.reject(new AppError('PG_CONNECTION_LOST', 'closed'));
      return new Promise(setImmediate);
    };
    const checked = vi.spyOn(stage.state, 'checked');
    const stop = new AbortController();
    const running = stage.session.run(stop.signal);
    stop.abort();
    await running;
    expect(checked).not.toHaveBeenCalledWith('database', expect.anything());
  });
});
