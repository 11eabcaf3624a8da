import { describe, expect, it, vi } from 'vitest';
import { AppError, noMetrics, systemClock, type Clock, type SlotReading } from '#lib/kernel';
import { PipelineState } from './pipeline-state.js';
import { SlotWatch } from './slot-watch.js';

const READING: SlotReading = {
  walStatus: 'extended',
  retainedBytes: 2_000,
  lagBytes: 1_000,
  limitBytes: undefined,
  safeBytes: undefined,
};

function stage(answer: () => Promise<SlotReading | undefined> = () => Promise.resolve(READING)) {
  const time = { nowMs: 0 };
  const timers: { at: number; callback: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    now: () => time.nowMs,
    after(ms, callback) {
      const timer = { at: time.nowMs + ms, callback };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
  };
  const lagSeconds = vi.fn<(seconds: number) => void>();
  const slot = vi.fn<(reading: SlotReading) => void>();
  const metrics = { ...noMetrics, lagSeconds, slot };
  const state = new PipelineState(clock, metrics, 90_000);
  const readSlot = vi.fn<() => Promise<SlotReading | undefined>>(answer);
  const watch = new SlotWatch({ readSlot }, state, metrics, clock);
  const pass = async (ms: number) => {
    time.nowMs += ms;
    for (const due of timers.filter(({ at }) => at <= time.nowMs)) {
      timers.splice(timers.indexOf(due), 1);
      due.callback();
    }
    // What the callbacks await has settled already.
    await new Promise(setImmediate);
  };
  return { state, watch, readSlot, lagSeconds, slot, pass, timers };
}

describe('SlotWatch', () => {
  it('reads the slot every period while no session does, and tells how long events have waited', async () => {
    const { state, watch, readSlot, lagSeconds, slot, pass, timers } = stage();
    const end = watch.start(30_000);
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    await pass(30_000);
    await pass(30_000);
    expect(readSlot).toHaveBeenCalledTimes(2);
    expect(slot).toHaveBeenLastCalledWith(READING);
    expect(lagSeconds).toHaveBeenLastCalledWith(60);
    expect(state.parts().slot).toEqual({
      ok: true,
      detail: 'extended',
      facts: { retainedBytes: 2_000, lagBytes: 1_000, readMsAgo: 0 },
    });
    end();
    expect(timers).toEqual([]);
  });

  it('leaves it to the session while one streams', async () => {
    const { state, watch, readSlot, pass } = stage();
    watch.start(30_000);
    state.enter('streaming');
    await pass(30_000);
    expect(readSlot).not.toHaveBeenCalled();
    state.enter('waiting', new AppError('PG_CONNECTION_LOST', 'gone'));
    await pass(30_000);
    expect(readSlot).toHaveBeenCalledTimes(1);
  });

  it('reports no lag in seconds for a standby: the active replica does', async () => {
    const { state, watch, lagSeconds, slot, pass } = stage();
    watch.start(30_000);
    state.enter('standby');
    await pass(30_000);
    expect(slot).toHaveBeenCalledTimes(1);
    expect(lagSeconds.mock.lastCall ?? [0]).toEqual([0]);
  });

  it('takes a failure as what is known of the database, until it answers', async () => {
    let fails = true;
    const { state, watch, lagSeconds, pass } = stage(() =>
      fails ? Promise.reject(new AppError('PG_CONNECTION_LOST', 'refused')) : Promise.resolve(READING),
    );
    watch.start(30_000);
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    await pass(30_000);
    expect(state.parts().database).toEqual({ ok: false, detail: 'database: PG_CONNECTION_LOST' });
    // What waits there is not known; that nothing flows is.
    expect(lagSeconds).toHaveBeenLastCalledWith(30);
    fails = false;
    await pass(30_000);
    expect(state.parts().database).toEqual({ ok: true, detail: 'reachable' });
  });

  it('forgets a slot that is gone', async () => {
    let found: SlotReading | undefined = READING;
    const { state, watch, slot, pass } = stage(() => Promise.resolve(found));
    watch.start(30_000);
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    expect(state.parts().slot.detail).toBe('not read yet');
    await pass(30_000);
    found = undefined;
    await pass(30_000);
    expect(state.parts().slot).toEqual({ ok: true, detail: 'none' });
    expect(slot).toHaveBeenLastCalledWith(undefined);
  });

  it('does not ask again while an answer is outstanding', async () => {
    const { state, watch, readSlot, pass } = stage(() => new Promise(() => undefined));
    watch.start(30_000);
    state.enter('waiting', new AppError('PG_CONNECTION_LOST', 'gone'));
    await pass(30_000);
    await pass(30_000);
    expect(readSlot).toHaveBeenCalledTimes(1);
  });
});
