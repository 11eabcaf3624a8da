import { headers } from 'nats';
import { describe, expect, it } from 'vitest';
import { eventId, type OutgoingEvent } from '#lib/events';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { NatsHarness } from './nats-harness.js';
import { AckLoser } from './ack-loser.js';

const SECOND_NS = 1_000_000_000;
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The same events as a restarted service sends them: from a position on, counted anew. */
function replay(events: readonly OutgoingEvent[], from: number): readonly OutgoingEvent[] {
  return events.slice(from).map((event, i) => ({ ...event, seq: i + 1 }));
}

async function openAttempt(nats: NatsHarness, ackTimeoutMs = 5000): Promise<Attempt> {
  return new Attempt(await testDriver(nats.config({}, ackTimeoutMs))).open();
}

describe('NATS: a refused message is never overtaken', () => {
  it('when the stream is full and later, smaller messages would fit', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ max_bytes: 20_000, discard: 'new' as never });
    const attempt = await openAttempt(nats);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5, () => ({ key: 'k', fillBytes: 100 })));
    attempt.publish([maker.next({ key: 'k', fillBytes: 30_000 }), ...maker.batch(5, () => ({ key: 'k' }))]);
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    await delay(300);
    expect((await nats.received()).length).toBe(5);
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.update('app', { max_bytes: 1_000_000 });
    });
    await attempt.listener.untilSettled(11);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('when one subject is full and others are not', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ max_msgs_per_subject: 3, discard: 'new' as never, discard_new_per_subject: true });
    const attempt = await openAttempt(nats);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(12, (i) => ({ key: 'k', table: i === 11 ? 'orders' : i < 5 ? 'full' : `t${i}` })));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    const before = await nats.received();
    expect(before.map((message) => message.topic)).toEqual(Array.from({ length: 3 }, () => 'app.public_full'));
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.purge('app', { filter: 'app.public_full' });
    });
    await attempt.listener.untilSettled(12);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, [...before, ...(await nats.received())], 'none')).toEqual([]);
  });
});

describe('NATS: a message that is neither stored nor answered', () => {
  /** Sends the 11th where nobody stores it, and its answer to nobody: as a server that cannot write to its disk. */
  const swallow = (chunk: Buffer) =>
    Buffer.from(chunk.toString('latin1').replace(/(?<=HPUB )app(\.\S+ )_INBOX(\.\S+\.11 )/, 'xpp$1_XNBOX$2'), 'latin1');

  it('is told of for as long as it lasts, though what follows it is answered', async () => {
    await using nats = await NatsHarness.start();
    const attempt = await openAttempt(nats, 1000);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(10));
    await attempt.listener.untilSettled(10);
    nats.network.filterRequests(swallow);
    attempt.publish(maker.batch(5));
    await attempt.listener.until('the silence is reported', () => !attempt.listener.isUp);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT', retriable: true });
    expect((await nats.received()).length).toBe(10);
    nats.network.filterRequests(undefined);
    await attempt.listener.untilSettled(15);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: lost acknowledgements', () => {
  it('one in the middle is made good by the next, nothing is sent twice', async () => {
    await using nats = await NatsHarness.start();
    const attempt = await openAttempt(nats);
    const loser = new AckLoser([7]);
    nats.network.filterReplies(loser.filter);
    attempt.publish(new EventMaker('app').batch(20));
    await attempt.listener.untilSettled(20);
    expect(loser.lost).toEqual([7]);
    expect(attempt.listener.states).toEqual([]);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('the last one is made good by reading the stream after the time limit', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ duplicate_window: SECOND_NS / 10 });
    const attempt = await openAttempt(nats, 1000);
    const loser = new AckLoser([20]);
    nats.network.filterReplies(loser.filter);
    attempt.publish(new EventMaker('app').batch(20));
    await attempt.listener.untilSettled(20);
    expect(loser.lost).toEqual([20]);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: beyond the duplicate window', () => {
  const config = { duplicate_window: SECOND_NS };

  it('a connection that comes back repeats nothing', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream(config);
    const attempt = await openAttempt(nats, 60_000);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(100));
    await attempt.listener.untilSettled(100);
    const mute = () => undefined;
    nats.network.filterReplies(mute);
    attempt.publish(maker.batch(100));
    await delay(2000);
    nats.network.filterReplies(undefined);
    nats.network.cut();
    attempt.publish(maker.batch(100));
    await attempt.listener.untilSettled(300);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('a restarted service repeats nothing, wherever PostgreSQL begins again', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream(config);
    const first = await openAttempt(nats);
    first.publish(new EventMaker('app').batch(3000, (i) => ({ key: `k${i % 7}` })));
    await first.listener.untilSettled(3000);
    await first.publisher.close(1000);
    await delay(1500);
    for (const from of [0, 1, 1500, 2999]) {
      const again = await openAttempt(nats);
      const events = replay(first.sent, from);
      for (let i = 0; i < events.length; i += 100) again.publish(events.slice(i, i + 100));
      await again.listener.untilSettled(events.length);
      await again.publisher.close(1000);
    }
    expect(deliveryFaults(first.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('goes on behind what is stored when the restart begins in the midst of it', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream(config);
    const first = await openAttempt(nats);
    const maker = new EventMaker('app');
    first.publish(maker.batch(500, (i) => ({ key: `k${i % 7}` })));
    await first.listener.untilSettled(500);
    await first.publisher.close(1000);
    await delay(1500);
    const all = [...first.sent, ...maker.batch(500, (i) => ({ key: `k${i % 7}` }))];
    const again = await openAttempt(nats);
    again.publish(replay(all, 300));
    await again.listener.untilSettled(700);
    await again.publisher.close(1000);
    expect(deliveryFaults(all, await nats.received(), 'none')).toEqual([]);
  });

  it('at its edge, with the last message consumed, repeats a whole suffix instead of a part', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream(config);
    const first = await openAttempt(nats);
    const maker = new EventMaker('app');
    first.publish(maker.batch(10, () => ({ key: 'k' })));
    await first.listener.untilSettled(10);
    await delay(1500);
    first.publish(maker.batch(10, () => ({ key: 'k' })));
    await first.listener.untilSettled(20);
    await first.publisher.close(1000);
    const before = await nats.received();
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.purge('app');
    });
    const again = await openAttempt(nats);
    again.publish(replay(first.sent, 5));
    await again.listener.untilSettled(15);
    await again.publisher.close(1000);
    const after = await nats.received();
    expect(deliveryFaults(first.sent, [...before, ...after])).toEqual([]);
    expect(after.length).toBe(15);
  });

  it('within the window, with everything consumed, repeats nothing', async () => {
    await using nats = await NatsHarness.start();
    const first = await openAttempt(nats);
    first.publish(new EventMaker('app').batch(20, () => ({ key: 'k' })));
    await first.listener.untilSettled(20);
    await first.publisher.close(1000);
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.purge('app');
    });
    const again = await openAttempt(nats);
    again.publish(replay(first.sent, 5));
    await again.listener.untilSettled(15);
    await again.publisher.close(1000);
    expect(await nats.received()).toEqual([]);
  });

  it.each([1, 2])('completes a suffix whose repeat was cut off, replayed from event %i', async (from) => {
    await using nats = await NatsHarness.start();
    await nats.createStream();
    const events = new EventMaker('app').batch(5, () => ({ key: 'k' }));
    await nats.withClient(async (client) => {
      const jetstream = client.jetstream();
      const store = (event: OutgoingEvent | undefined, withId: boolean) => {
        if (event === undefined) throw new Error('no such event');
        const options = withId ? { msgID: eventId(event) } : {};
        return jetstream.publish(event.route.topic, event.slab.subarray(event.start, event.end), options);
      };
      for (const event of events.slice(0, 4)) await store(event, true);
      await store(events[1], false);
    });
    const again = await openAttempt(nats);
    again.publish(replay(events, from));
    await again.listener.untilSettled(5 - from);
    await again.publisher.close(1000);
    expect(deliveryFaults(events, await nats.received())).toEqual([]);
  });
});

describe('NATS: what an abandoned connection still holds', () => {
  it('lands in its place or not at all', async () => {
    await using nats = await NatsHarness.start();
    const first = await openAttempt(nats);
    const maker = new EventMaker('app');
    first.publish(maker.batch(50, (i) => ({ key: `k${i % 3}` })));
    await first.listener.untilSettled(50);
    nats.network.stall();
    first.publish(maker.batch(100, (i) => ({ key: `k${i % 3}` })));
    await delay(50);
    await first.publisher.close(0);
    const second = await new Attempt(await testDriver(nats.config({ addresses: [nats.server.address] }))).open();
    const rest = replay(first.sent, 20);
    second.publish(rest.slice(0, 60));
    await second.listener.untilSettled(60);
    nats.network.resume();
    await delay(300);
    second.publish(rest.slice(60));
    await second.listener.untilSettled(rest.length);
    await second.publisher.close(1000);
    expect(deliveryFaults(first.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('even when the server itself stood still for longer than the time limit', async () => {
    await using nats = await NatsHarness.start();
    const attempt = await openAttempt(nats, 500);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(50, (i) => ({ key: `k${i % 3}` })));
    await attempt.listener.untilSettled(50);
    nats.server.freeze();
    attempt.publish(maker.batch(500, (i) => ({ key: `k${i % 3}` })));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT' });
    nats.server.thaw();
    attempt.publish(maker.batch(500, (i) => ({ key: `k${i % 3}` })));
    await attempt.listener.untilSettled(1050);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });

  it('a history that lost its end is published anew, though the stream holds later positions', async () => {
    await using nats = await NatsHarness.start();
    const first = await openAttempt(nats);
    first.publish(new EventMaker('app', 1).batch(100));
    await first.listener.untilSettled(100);
    await first.publisher.close(1000);
    const second = await openAttempt(nats);
    second.publish(new EventMaker('app', 2).restartAt(60).batch(20));
    await second.listener.untilSettled(20);
    await second.publisher.close(1000);
    expect(deliveryFaults([...first.sent, ...second.sent], await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: a stream with other writers', () => {
  async function withStranger(nats: NatsHarness, work: () => Promise<void>): Promise<void> {
    await nats.withClient(async (client) => {
      const writing = setInterval(() => client.publish('app.stranger', 'hello'), 2);
      try {
        await work();
      } finally {
        clearInterval(writing);
      }
    });
  }

  const ours = async (nats: NatsHarness) =>
    (await nats.received()).filter((message) => message.topic !== 'app.stranger');

  it('is written to with one unacknowledged message per key, after one warning', async () => {
    await using nats = await NatsHarness.start();
    const log = { lines: [] as string[] };
    const driver = await testDriver(nats.config(), log);
    const attempt = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    await withStranger(nats, async () => {
      for (let i = 0; i < 40; i++) {
        attempt.publish(maker.batch(100, (n) => ({ key: `k${n % 20}`, barrier: n === 50 })));
        await attempt.listener.untilSettled(attempt.sent.length - 1000);
        await delay(5);
      }
      await attempt.listener.untilSettled(4000);
    });
    await attempt.publisher.close(1000);
    expect(driver.needsKeys).toBe(true);
    expect(log.lines.filter((line) => line.includes('has other writers'))).toHaveLength(1);
    expect(deliveryFaults(attempt.sent, await ours(nats))).toEqual([]);
  });

  it('ends the attempt with chain: on', async () => {
    await using nats = await NatsHarness.start();
    const { nats: defaults } = nats.config().publisher;
    const driver = await testDriver(nats.config({ nats: { ...defaults, chain: 'on' } }));
    expect(driver.needsKeys).toBe(false);
    const attempt = await new Attempt(driver).open();
    const maker = new EventMaker('app');
    await withStranger(nats, async () => {
      const feeding = setInterval(() => attempt.publish(maker.batch(5)), 5);
      const error = await attempt.listener.untilFailed();
      clearInterval(feeding);
      expect(error).toMatchObject({ code: 'BROKER_OTHER_WRITER', retriable: true });
    });
    await attempt.publisher.close(0);
  });

  it('ends the first attempt when the stranger could be another wal-listener, and shares the stream in the next', async () => {
    await using nats = await NatsHarness.start();
    const driver = await testDriver(nats.config());
    const attempt = await new Attempt(driver).open();
    attempt.publish(new EventMaker('app', 1).batch(10));
    await attempt.listener.untilSettled(10);
    const foreign = new EventMaker('app', 2).batch(1)[0];
    if (foreign === undefined) throw new Error('no event');
    const store = () =>
      nats.withClient((client) =>
        client.jetstream().publish('app.x', foreign.slab.subarray(foreign.start, foreign.end), {
          headers: headers(),
          msgID: `${eventId(foreign).slice(0, -4)}${String(Math.floor(Math.random() * 9000) + 1000)}`,
        }),
      );
    await store();
    const maker = new EventMaker('app', 1).restartAt(10);
    attempt.publish(maker.batch(5).map((event) => ({ ...event, seq: event.seq + 10 })));
    expect(await attempt.listener.untilFailed()).toMatchObject({ code: 'BROKER_OTHER_WRITER', retriable: true });
    await attempt.publisher.close(0);

    const second = await new Attempt(driver).open();
    const again = new EventMaker('app', 1).restartAt(10);
    second.publish(again.batch(5));
    await second.listener.untilSettled(5);
    await store();
    second.publish(again.batch(5));
    await second.listener.untilSettled(10);
    await second.publisher.close(1000);
    const all = new EventMaker('app', 1).batch(20);
    const received = (await nats.received()).filter((message) => message.topic !== 'app.x');
    expect(deliveryFaults(all, received, 'none')).toEqual([]);
  });
});
