import { describe, expect, it } from 'vitest';
import { eventId, type OutgoingEvent } from '#lib/events';
import { type AppError, noMetrics } from '#lib/kernel';
import { EventWindow } from '../event-window.js';
import { SettleBatch } from '../settle-batch.js';
import { EventMaker, type TestEventOptions } from '../testing/outgoing-events.js';
import { RecordingListener } from '../testing/recording-listener.js';
import { StandingClock } from '../testing/standing-clock.js';
import type { RabbitLink } from './rabbit-link.js';
import type { SendFailure } from './sender-ports.js';
import { RabbitSender } from './sender.js';
import { MAX_EVENTS } from './wire.js';

const ACK_TIMEOUT_MS = 1000;

function fixture() {
  const clock = new StandingClock();
  const window = new EventWindow();
  const sent: OutgoingEvent[] = [];
  const problems: string[] = [];
  const failures: SendFailure[] = [];
  const fatal: AppError[] = [];
  const silent = () => undefined;
  const sender = new RabbitSender(
    {
      window,
      settle: new SettleBatch(new RecordingListener()),
      metrics: { ...noMetrics, problem: (kind) => void problems.push(kind) },
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      clock,
      ackTimeoutMs: ACK_TIMEOUT_MS,
      metadata: false,
      exchange: 'app',
      ordering: 'strict',
      onPoison: 'halt',
      unroutable: 'warn',
      deadLetterKey: 'app.dead',
    },
    { stopped: (failure) => failures.push(failure), fatal: (error) => fatal.push(error), stored: silent },
  );
  const link = { blockedReason: undefined, upcomingTag: 1, publish: (event: OutgoingEvent) => sent.push(event) > 0 };
  sender.resume(Object.assign(link, { flush: () => true }) as unknown as RabbitLink);
  const maker = new EventMaker('app');
  const publish = (count: number, options: (i: number) => TestEventOptions) => {
    for (const event of maker.batch(count, options)) {
      window.push(event);
      sender.offer(event);
    }
    sender.pump();
  };
  return { clock, sender, sent, problems, failures, publish };
}

describe('RabbitSender', () => {
  it('sends the next of a key though most of the wire hangs', () => {
    const { clock, sender, sent, publish } = fixture();
    publish(2, () => ({ key: 'b' }));
    const stuck = MAX_EVENTS / 2 + 100;
    publish(stuck, (i) => ({ key: `a${i}` }));
    expect(sent).toHaveLength(stuck + 1);
    sender.confirmed(1, false, true);
    clock.pass(50);
    expect(sent).toHaveLength(stuck + 2);
    expect(sent.at(-1)?.seq).toBe(2);
  });

  it('gives up what hangs though an older event is not sent yet', () => {
    const { clock, sender, failures, problems, sent, publish } = fixture();
    publish(2, () => ({ key: 'b' }));
    publish(MAX_EVENTS + 10, (i) => ({ key: `a${i}` }));
    sender.pause();
    sender.confirmed(1, false, true);
    expect(sent.map(eventId)).toHaveLength(MAX_EVENTS);
    clock.pass(ACK_TIMEOUT_MS);
    expect(failures).toMatchObject([{ kind: 'lost', error: { code: 'BROKER_TIMEOUT' } }]);
    expect(problems).toEqual(['ack']);
  });

  it('counts one problem when what else is on the wire hangs behind a refusal', () => {
    const { clock, sender, failures, problems, publish } = fixture();
    publish(2, (i) => ({ key: `k${i}` }));
    sender.confirmed(1, false, false);
    clock.pass(ACK_TIMEOUT_MS);
    expect(problems).toEqual(['publish']);
    expect(failures).toHaveLength(1);
  });

  it('counts what a lost link leaves unconfirmed as one missing acknowledgement, and nothing when all was answered', () => {
    const { sender, problems, publish } = fixture();
    publish(2, (i) => ({ key: `k${i}` }));
    sender.abandon();
    sender.abandon();
    expect(problems).toEqual(['ack']);
    const answered = fixture();
    answered.publish(1, () => ({ key: 'k' }));
    answered.sender.confirmed(1, false, true);
    answered.sender.abandon();
    expect(answered.problems).toEqual([]);
  });
});
