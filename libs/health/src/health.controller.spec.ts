import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, CLOCK, noMetrics, type Clock, type ErrorCode } from '#lib/kernel';
import { PIPELINE_STATE, PipelineState, type PipelinePhase } from '#lib/pipeline';
import { ManualClock } from './testing/manual-clock.js';
import { EventLoop } from './event-loop.js';
import { HealthController } from './health.controller.js';
import { HealthIndicator } from './health.indicator.js';

/** 3 × ackTimeout as it comes by default. */
const WEDGED_AFTER_MS = 90_000;

interface Answer {
  readonly code: number;
  readonly status: string;
  readonly details: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** The parts that are down. */
  readonly down: readonly string[];
}

let clock: ManualClock;
let state: PipelineState;
let app: INestApplication;
let url: string;
/** Timers that wait while the application stops. */
let pendingAtStop: number;

beforeEach(async () => {
  clock = new ManualClock();
  state = new PipelineState(clock, noMetrics, WEDGED_AFTER_MS);
  const probesOnly = {
    module: Object,
    imports: [TerminusModule.forRoot({ logger: false })],
    controllers: [HealthController],
    providers: [
      HealthIndicator,
      { provide: CLOCK, useValue: clock },
      { provide: PIPELINE_STATE, useValue: state },
      { provide: 'what stops slowly', useValue: { onModuleDestroy: () => (pendingAtStop = clock.pending) } },
      { provide: EventLoop, inject: [CLOCK], useFactory: (time: Clock) => new EventLoop(time) },
    ],
  };
  app = await NestFactory.create(probesOnly, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterEach(() => app.close());

async function plain(path: string): Promise<string> {
  const response = await fetch(url + path);
  return `${response.status} ${await response.text()}`;
}

async function json(path: string): Promise<Answer> {
  const response = await fetch(url + path, { headers: { accept: 'application/json' } });
  const { status, details } = (await response.json()) as Pick<Answer, 'status' | 'details'>;
  const down = Object.keys(details).filter((part) => details[part]?.['status'] !== 'up');
  return { code: response.status, status, details, down };
}

const error = (code: ErrorCode) => new AppError(code, 'a test');

describe('/ready', () => {
  it.each<[PipelinePhase, AppError | undefined, boolean, string]>([
    ['starting', undefined, false, 'starting'],
    ['connecting', undefined, false, 'connecting'],
    ['waiting', error('BROKER_UNREACHABLE'), false, 'waiting: BROKER_UNREACHABLE'],
    ['streaming', undefined, true, 'streaming'],
    ['standby', undefined, true, 'standby'],
    ['stopping', undefined, false, 'stopping'],
    ['stopped', undefined, false, 'stopped'],
    ['failed', error('SLOT_LOST'), false, 'failed: SLOT_LOST'],
  ])('while %s', async (phase, cause, isReady, detail) => {
    if (phase === 'standby' || phase === 'stopping') state.enter('streaming');
    state.enter(phase, cause);
    expect(await plain('/ready')).toBe(isReady ? '200 ok' : '500 failed');
    const answer = await json('/ready');
    expect(answer).toMatchObject({ code: isReady ? 200 : 500, status: isReady ? 'ok' : 'error' });
    expect(Object.keys(answer.details).toSorted()).toEqual(['broker', 'database', 'eventLoop', 'slot', 'stream']);
    expect(answer.details['stream']).toMatchObject({ detail });
    expect(Object.values(state.parts()).every(({ ok }) => ok)).toBe(isReady);
  });

  it('fails with each of its parts, and names it', async () => {
    state.enter('streaming');
    expect((await json('/ready')).down).toEqual([]);
    state.checked('broker', error('BROKER_TIMEOUT'));
    expect(await json('/ready')).toMatchObject({ code: 500, down: ['broker'] });
    state.checked('broker', undefined);
    state.checked('database', error('PG_CONNECTION_LOST'));
    expect(await json('/ready')).toMatchObject({ code: 500, down: ['database'] });
    state.checked('database', undefined);
    const reading = {
      walStatus: 'extended',
      retainedBytes: 7,
      lagBytes: 5,
      limitBytes: undefined,
      safeBytes: undefined,
    };
    state.slot(reading);
    clock.advance(1_500);
    const slot = { status: 'up', detail: 'extended', retainedBytes: 7, lagBytes: 5, readMsAgo: 1_500 };
    expect(await json('/ready')).toMatchObject({ code: 200, details: { slot } });
    state.slot({ ...reading, walStatus: 'lost', limitBytes: 9, safeBytes: 0 });
    const lost = { status: 'down', detail: 'lost', limitBytes: 9, safeBytes: 0 };
    expect(await json('/ready')).toMatchObject({ code: 500, down: ['slot'], details: { slot: lost } });
    state.slot(reading);
    clock.standStill(6_000);
    expect(await json('/ready')).toMatchObject({ code: 500, down: ['eventLoop'] });
  });
});

describe('/healthz', () => {
  it.each<[PipelinePhase, boolean]>([
    ['starting', true],
    ['connecting', true],
    ['waiting', true],
    ['streaming', true],
    ['standby', true],
    ['stopping', true],
    ['failed', false],
  ])('while %s', async (phase, isAlive) => {
    state.enter(phase, phase === 'waiting' || phase === 'failed' ? error('BROKER_UNREACHABLE') : undefined);
    state.checked('broker', error('BROKER_TIMEOUT'));
    state.checked('database', error('PG_CONNECTION_LOST'));
    clock.advance(WEDGED_AFTER_MS * 10);
    expect(await plain('/healthz')).toBe(isAlive ? '200 ok' : '500 failed');
    const { details } = await json('/healthz');
    expect(Object.keys(details).toSorted()).toEqual(['eventLoop', 'pipeline']);
  });

  it('fails when work is unsettled and nothing moves for too long, until something does', async () => {
    state.enter('streaming');
    state.watch(() => true);
    clock.advance(WEDGED_AFTER_MS);
    expect(await json('/healthz')).toMatchObject({ code: 200 });
    clock.advance(1);
    expect(await plain('/healthz')).toBe('500 failed');
    expect(await json('/healthz')).toMatchObject({ code: 500, down: ['pipeline'] });
    state.progress();
    expect(await plain('/healthz')).toBe('200 ok');
  });

  it('fails for ten seconds after the process stood still for more than five', async () => {
    state.enter('streaming');
    clock.standStill(5_000);
    expect(await json('/healthz')).toMatchObject({ code: 200, details: { eventLoop: { detail: 'responsive' } } });
    clock.standStill(7_000);
    // Whether or not the timer that measures came first.
    expect(await json('/healthz')).toMatchObject({ code: 500, down: ['eventLoop'] });
    clock.runDue();
    clock.advance(9_500);
    expect(await json('/healthz')).toMatchObject({ code: 500, down: ['eventLoop'] });
    clock.advance(501);
    expect(await plain('/healthz')).toBe('200 ok');
  });
});

describe('a probe', () => {
  it('is never answered from a cache, and answers HEAD', async () => {
    state.enter('streaming');
    const response = await fetch(`${url}/ready`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe('');
  });

  it('keeps its watch on the event loop until the application is over', async () => {
    await app.close();
    expect(pendingAtStop).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
