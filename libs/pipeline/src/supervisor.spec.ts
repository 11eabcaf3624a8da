import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { AppConfig } from '#lib/config';
import {
  AppError,
  noMetrics,
  silentLogger,
  systemClock,
  type ErrorCode,
  type ErrorReporter,
  type LogFields,
} from '#lib/kernel';
import { PipelineState } from './pipeline-state.js';
import { Supervisor, type SupervisorParts } from './supervisor.js';
import { readiness } from './testing/readiness.js';

/** Attempts end as the list says, one after the other; after the last the supervisor is told to stop. */
async function attempts(outcomes: readonly AppError[], listener: Partial<AppConfig['listener']> = {}) {
  const stop = new AbortController();
  const lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
  const reported: ErrorCode[] = [];
  const note =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  const logger = { ...silentLogger, info: note('info'), warn: note('warn'), debug: note('debug') };
  const reporter: ErrorReporter = {
    report: ({ code }) => void reported.push(code),
    flush: () => Promise.resolve(),
  };
  const state = new PipelineState(systemClock, noMetrics, 90_000);
  const readyAtClose: boolean[] = [];
  const signals: AbortSignal[] = [];
  const listeners: number[] = [];
  let attempt = 0;
  const driver = {
    create: () => ({
      open: (signal: AbortSignal) => {
        signals.push(signal);
        listeners.push(getEventListeners(stop.signal, 'abort').length);
        const outcome = outcomes[attempt];
        attempt += 1;
        if (outcome === undefined) stop.abort();
        return outcome === undefined ? Promise.resolve() : Promise.reject(outcome);
      },
      close: () => {
        readyAtClose.push(readiness(state).ok);
        return Promise.resolve();
      },
    }),
  };
  const parts = {
    config: { listener: { refreshConnectionMs: 30_000, ...listener } } as unknown as AppConfig,
    source: { readSlot: () => Promise.resolve(undefined) },
    clock: systemClock,
    metrics: noMetrics,
    driver,
    state,
    logger,
    reporter,
  } as unknown as SupervisorParts;
  const ended = new Supervisor(parts).run(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { error: await ended, lines, reported, state, readyAtClose, stop: stop.signal, signals, listeners };
}

const unreachable = (message = 'refused') => new AppError('BROKER_UNREACHABLE', message);

describe('the supervisor', () => {
  it('warns and reports once per outage, and whenever the cause becomes another', async () => {
    const database = new AppError('PG_QUERY', 'no', { facts: { sqlstate: '53300' } });
    const { lines, reported, error } = await attempts([unreachable(), unreachable('still'), database]);
    expect(error).toBeUndefined();
    const warned = lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['code']);
    expect(warned).toEqual(['BROKER_UNREACHABLE', 'PG_QUERY']);
    expect(reported).toEqual(['BROKER_UNREACHABLE', 'PG_QUERY']);
    expect(lines.filter(({ level, message }) => level === 'debug' && message.includes('again'))).toHaveLength(1);
    expect(lines[0]?.fields).toMatchObject({ error: 'refused', remedy: expect.stringMatching(/./) as unknown });
    expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'stopped' });
  });

  it('is not ready from the moment it is told to stop, also as standby', async () => {
    const inUse = new AppError('SLOT_IN_USE', 'another streams');
    const { readyAtClose } = await attempts([inUse, inUse]);
    // Waiting as standby, then told to stop while the third attempt still has to close.
    expect(readyAtClose).toEqual([false, true, false]);
  });

  it('leaves nothing at the signal to stop, however many attempts a standby makes', async () => {
    const inUse = new AppError('SLOT_IN_USE', 'another streams');
    const { stop, signals, listeners } = await attempts([inUse, inUse]);
    // Node keeps something for every AbortSignal.any() at a signal for as long as that signal lives.
    expect(new Set([stop, ...signals]).size).toBe(4);
    expect(new Set(listeners).size).toBe(1);
    expect(getEventListeners(stop, 'abort')).toEqual([]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true]);
  });

  it('ends with the failure that trying again cannot mend', async () => {
    const { error, state, reported } = await attempts([new AppError('BROKER_AUTH', 'wrong password')]);
    expect(error).toMatchObject({ code: 'BROKER_AUTH' });
    expect(state.phase).toBe('failed');
    // Whoever ends the process reports it, as fatal.
    expect(reported).toEqual([]);
  });

  it('goes on after a slot was lost while streaming only where it is to make it anew', async () => {
    const lost = new AppError('SLOT_LOST', 'invalidated');
    const ended = async (onSlotLost: 'halt' | 'recreate', createSlot: 'auto' | 'never') =>
      (await attempts([lost], { onSlotLost, createSlot })).error;
    expect(await ended('recreate', 'auto')).toBeUndefined();
    expect(await ended('recreate', 'never')).toBe(lost);
    expect(await ended('halt', 'auto')).toBe(lost);
  });
});
