import { describe, expect, it } from 'vitest';
import { AppError, noMetrics, systemClock } from '#lib/kernel';
import { PipelineState } from './pipeline-state.js';
import { readiness } from './testing/readiness.js';

function stateAt() {
  const time = { nowMs: 0 };
  return { time, state: new PipelineState({ ...systemClock, now: () => time.nowMs }, noMetrics, 90_000) };
}

describe('PipelineState', () => {
  it('is ready while streaming to a broker that answers, and as standby', () => {
    const { state } = stateAt();
    expect(readiness(state).ok).toBe(false);
    state.enter('connecting');
    expect(readiness(state).ok).toBe(false);
    state.enter('streaming');
    expect(readiness(state).ok).toBe(true);
    state.broker(new AppError('BROKER_UNREACHABLE', 'down'));
    expect(readiness(state)).toEqual({ ok: false, detail: 'broker: BROKER_UNREACHABLE' });
    state.broker(undefined);
    expect(readiness(state).ok).toBe(true);
    state.enter('stopping');
    expect(readiness(state).ok).toBe(false);
    state.enter('standby');
    expect(readiness(state).ok).toBe(true);
  });

  it('is alive while it makes progress, retries or has nothing to do', () => {
    const { state, time } = stateAt();
    state.enter('streaming');
    time.nowMs = 1_000_000;
    expect(state.live().ok).toBe(true);
    state.watch(() => true);
    state.progress();
    time.nowMs += 90_000;
    expect(state.live().ok).toBe(true);
    time.nowMs += 1;
    expect(state.live().ok).toBe(false);
    state.progress();
    expect(state.live().ok).toBe(true);
  });

  it('is alive while the broker is tried again, not when trying has come to a standstill', () => {
    const { state, time } = stateAt();
    state.enter('streaming');
    state.watch(() => true);
    const down = new AppError('BROKER_UNREACHABLE', 'down');
    for (let attempt = 0; attempt < 10; attempt++) {
      state.broker(down);
      time.nowMs += 60_000;
      expect(state.live().ok).toBe(true);
    }
    time.nowMs += 60_000;
    expect(state.live().ok).toBe(false);
  });

  it('is not alive after a fatal failure', () => {
    const { state } = stateAt();
    state.enter('failed', new AppError('SLOT_LOST', 'gone'));
    expect(state.live().ok).toBe(false);
    expect(readiness(state)).toEqual({ ok: false, detail: 'failed: SLOT_LOST' });
  });

  it('names the part that keeps it from being ready, and no other', () => {
    const { state } = stateAt();
    const down = () =>
      Object.entries(state.parts())
        .filter(([, { ok }]) => !ok)
        .map(([part, { detail }]): readonly [string, string] => [part, String(detail)]);
    expect(down().map(([part]) => part)).toEqual(['stream', 'database', 'broker']);
    state.enter('connecting');
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    expect(down()).toContainEqual(['broker', 'broker: BROKER_UNREACHABLE']);
    state.enter('connecting');
    state.reached('broker');
    state.enter('waiting', new AppError('PG_CONNECTION_LOST', 'down'));
    expect(down()).toEqual([
      ['stream', 'waiting: PG_CONNECTION_LOST'],
      ['database', 'database: PG_CONNECTION_LOST'],
    ]);
    state.enter('streaming');
    expect(down()).toEqual([]);
    expect(state.checked('database', new AppError('PG_CONNECTION_LOST', 'silent'))).toBe(true);
    expect(state.checked('database', new AppError('PG_CONNECTION_LOST', 'silent'))).toBe(false);
    expect(down()).toEqual([['database', 'database: PG_CONNECTION_LOST']]);
    expect(readiness(state)).toEqual({ ok: false, detail: 'database: PG_CONNECTION_LOST' });
    expect(state.checked('database', undefined)).toBe(true);
    state.slot({ walStatus: 'lost', retainedBytes: 0, lagBytes: 9, limitBytes: 5, safeBytes: undefined });
    expect(down()).toEqual([['slot', 'lost']]);
    expect(readiness(state).ok).toBe(false);
  });

  it('knows of each side what was heard of it last', () => {
    const { state } = stateAt();
    state.enter('waiting', new AppError('PG_CONNECTION_LOST', 'down'));
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    expect(state.parts()).toMatchObject({ database: { ok: false }, broker: { ok: false } });
    // The slot was read over a connection of its own.
    state.checked('database', undefined);
    expect(state.parts()).toMatchObject({ database: { ok: true, detail: 'reachable' }, broker: { ok: false } });

    state.enter('streaming');
    state.checked('broker', new AppError('BROKER_TIMEOUT', 'silent'));
    expect(state.parts().broker.ok).toBe(false);
    state.broker(undefined);
    expect(readiness(state).ok).toBe(true);

    state.broker(new AppError('BROKER_UNREACHABLE', 'down'));
    state.enter('stopping');
    expect(state.parts()).toMatchObject({ stream: { ok: false }, broker: { ok: false } });
  });

  it('tells since when events cannot flow', () => {
    const { state, time } = stateAt();
    time.nowMs = 5_000;
    expect(state.notStreamingForMs).toBe(5_000);
    state.enter('streaming');
    time.nowMs = 60_000;
    expect(state.notStreamingForMs).toBe(0);
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    time.nowMs = 61_000;
    state.enter('connecting');
    time.nowMs = 62_000;
    expect(state.notStreamingForMs).toBe(2_000);
    // A week as standby, while another streamed, is not a week without events.
    state.enter('standby');
    time.nowMs += 604_800_000;
    expect(state.notStreamingForMs).toBe(0);
    state.enter('waiting', new AppError('BROKER_UNREACHABLE', 'down'));
    time.nowMs += 1_000;
    expect(state.notStreamingForMs).toBe(1_000);
  });
});
