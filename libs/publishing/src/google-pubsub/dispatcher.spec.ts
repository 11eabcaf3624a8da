import { describe, expect, it } from 'vitest';
import { AppError, noMetrics, silentLogger } from '#lib/kernel';
import { SettleBatch } from '../settle-batch.js';
import { EventMaker } from '../testing/outgoing-events.js';
import { RecordingListener } from '../testing/recording-listener.js';
import { StandingClock } from '../testing/standing-clock.js';
import type { Lane } from './bucket-lanes.js';
import { Dispatcher } from './dispatcher.js';
import { type CallFailure, STATUS } from './map-pubsub-error.js';

const REQUEST_MS = 10_000;
/** A PublishResponse with one message id. */
const ONE_ID = Buffer.from([0x0a, 0x01, 0x31]);

function setUp(onPoison: 'halt' | 'deadLetter' | 'skip' = 'halt') {
  const clock = new StandingClock();
  const listener = new RecordingListener();
  const reports: string[] = [];
  const failed: Lane[] = [];
  /** How to answer each request that was sent. */
  const requests: { readonly topic: string; readonly answer: (failure?: CallFailure) => void }[] = [];
  const problems: string[] = [];
  const settle = new SettleBatch(listener);
  const dispatcher = new Dispatcher(
    {
      project: 'p',
      buckets: 1,
      ordered: true,
      concurrency: 16,
      requestMs: REQUEST_MS,
      metadata: false,
      onPoison,
      deadLetterTopic: 'app.dead_letter',
      settle,
      metrics: { ...noMetrics, problem: (kind) => void problems.push(kind) },
      logger: silentLogger,
      clock,
    },
    {
      failed: (lane) => void (failed.push(lane), reports.push('failed')),
      stored: () => reports.push('stored'),
      passedOver: (lane) => reports.push(`passed over, failing: ${String(lane.failing)}`),
      stoodStill: () => reports.push('stood still'),
      idle: () => undefined,
      fatal: (error) => reports.push(`fatal ${error.code}`),
    },
  );
  const link = {
    publish: (topic: string, _: Buffer, done: (failure: CallFailure | undefined, response: Buffer) => void) => {
      requests.push({ topic, answer: (failure) => done(failure, ONE_ID) });
    },
  };
  dispatcher.use(link);
  const maker = new EventMaker('app');
  const offer = (table = 'items') => {
    dispatcher.offer(maker.next({ table }));
    dispatcher.pump();
  };
  const settled = () => {
    settle.report();
    return [...listener.seqs];
  };
  return { clock, dispatcher, link, offer, reports, failed, problems, requests, settled };
}

const invalid: CallFailure = { code: STATUS.invalidArgument, message: 'no', fate: 'refused', cause: undefined };
const busy: CallFailure = { code: STATUS.resourceExhausted, message: 'no', fate: 'refused', cause: undefined };

describe('a dispatcher after the process stood still', () => {
  it('takes the answers that were waiting, but sends nothing until it is given a link', () => {
    const { clock, dispatcher, link, offer, reports, requests, settled } = setUp();
    offer('items');
    offer('orders');
    offer('items');
    clock.pass(REQUEST_MS + 1001);
    requests[0]?.answer();
    requests[1]?.answer();
    expect(settled()).toEqual([1, 2]);
    expect(requests).toHaveLength(2);
    expect(reports).toContain('stood still');
    dispatcher.use(link);
    dispatcher.pump();
    expect(requests).toHaveLength(3);
  });

  it('sends nothing on a refusal either', () => {
    const { clock, offer, reports, requests } = setUp('skip');
    offer();
    offer();
    clock.pass(REQUEST_MS + 1001);
    requests[0]?.answer(invalid);
    expect(requests).toHaveLength(1);
    expect(reports).toContain('stood still');
  });

  it('goes on at once after an answer in time', () => {
    const { clock, offer, reports, requests } = setUp();
    offer();
    offer();
    clock.pass(REQUEST_MS);
    requests[0]?.answer();
    expect(requests).toHaveLength(2);
    expect(reports).toEqual(['stored']);
  });
});

describe('a dispatcher', () => {
  it.each(['skip', 'deadLetter'] as const)(
    'says that a lane which failed is well again after a poison: %s',
    (policy) => {
      const { dispatcher, offer, reports, failed, requests } = setUp(policy);
      offer();
      requests[0]?.answer(busy);
      dispatcher.release(failed);
      dispatcher.pump();
      requests[1]?.answer(invalid);
      expect(reports).toEqual(['failed', 'passed over, failing: false']);
      expect(requests[2]?.topic).toBe(policy === 'skip' ? undefined : 'app.dead_letter');
    },
  );

  it('counts a refusal as one of publishing, and a lost call as a missing acknowledgement', () => {
    const { offer, problems, requests } = setUp();
    offer('items');
    offer('orders');
    requests[0]?.answer(busy);
    requests[1]?.answer({ code: STATUS.unavailable, message: 'Connection dropped', fate: 'lost', cause: undefined });
    expect(problems).toEqual(['publish', 'ack']);
  });

  it('sends nothing over a link that it is given after it was stopped', () => {
    const { dispatcher, link, offer, requests } = setUp();
    dispatcher.stop();
    dispatcher.use(link);
    offer();
    expect(requests).toEqual([]);
  });

  it('halts once, after what is out was answered', () => {
    const { dispatcher, offer, reports, requests } = setUp();
    offer();
    dispatcher.halt(new AppError('BROKER_AUTH', 'no'));
    expect(reports).toEqual([]);
    requests[0]?.answer();
    dispatcher.pump();
    expect(reports).toEqual(['stored', 'fatal BROKER_AUTH']);
  });
});
