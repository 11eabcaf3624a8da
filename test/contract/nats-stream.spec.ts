import type { StreamConfig } from 'nats';
import { describe, expect, it } from 'vitest';
import { eventId } from '#lib/events';
import { noMetrics } from '#lib/kernel';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker, testEventId } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { NatsHarness } from './nats-harness.js';
import { waitFor } from '../support/wait-for.js';

const SECOND_NS = 1_000_000_000;
const signal = new AbortController().signal;

async function streamConfig(nats: NatsHarness, name = 'app'): Promise<StreamConfig> {
  return nats.withClient(async (client) => (await (await client.jetstreamManager()).streams.info(name)).config);
}

describe('NATS: the stream', () => {
  it('is created as configured when it is absent, and refuses rather than drops', async () => {
    await using nats = await NatsHarness.start();
    const config = nats.config({
      topic: 'my.app',
      nats: {
        storage: 'memory',
        replicas: 1,
        maxAgeMs: 60_000,
        maxBytes: 1e6,
        duplicateWindowMs: 120_000,
        chain: 'auto',
      },
    });
    const attempt = await new Attempt(await testDriver(config)).open();
    await attempt.publisher.close(0);
    expect(await streamConfig(nats, 'my_app')).toMatchObject({
      subjects: ['my.app.>'],
      storage: 'memory',
      max_age: 60 * SECOND_NS,
      max_bytes: 1e6,
      discard: 'new',
      // The server allows no window longer than the age limit.
      duplicate_window: 60 * SECOND_NS,
      retention: 'limits',
    });
  });

  it('is never altered when it exists', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ subjects: ['app.public_items'], max_msgs: 1000, duplicate_window: SECOND_NS });
    const before = await streamConfig(nats);
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    attempt.publish(new EventMaker('app').batch(3));
    await attempt.listener.untilSettled(3);
    await attempt.publisher.close(0);
    expect(await streamConfig(nats)).toEqual(before);
  });

  it('may have another name, when it stores the subjects of the topic', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ name: 'everything', subjects: ['app.*', 'other.>'] });
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    await attempt.publisher.prepare(['app.public_items'], signal);
    attempt.publish(new EventMaker('app').batch(3));
    await attempt.listener.untilSettled(3);
    await attempt.publisher.close(0);
    expect(deliveryFaults(attempt.sent, await nats.received('everything'), 'none')).toEqual([]);
  });

  it.each<[string, Partial<StreamConfig>, RegExp]>([
    ['does not acknowledge', { no_ack: true }, /does not acknowledge/],
    ['is sealed', { sealed: true }, /is sealed/],
  ])('is refused when it %s', async (_, settings, message) => {
    await using nats = await NatsHarness.start();
    const { sealed, ...config } = settings;
    await nats.createStream(config);
    if (sealed) {
      await nats.withClient(async (client) => {
        await (await client.jetstreamManager()).streams.update('app', { sealed: true } as never);
      });
    }
    const driver = await testDriver(nats.config());
    await expect(new Attempt(driver).open()).rejects.toMatchObject({ code: 'BROKER_CONFIG', message });
    expect(await driver.check(signal)).toMatchObject([{ severity: 'error', code: 'BROKER_CONFIG', message }]);
  });

  it('is warned about when acknowledged events may be dropped', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ retention: 'interest' as never, max_msgs: 100, storage: 'memory' as never });
    const log: DriverLog = { lines: [] };
    const driver = await testDriver(nats.config(), log);
    const attempt = await new Attempt(driver).open();
    await attempt.publisher.close(0);
    for (const warning of ['interest retention and no consumer', 'discards old messages', 'in memory']) {
      expect(log.lines.filter((line) => line.includes(warning))).toHaveLength(1);
    }
    expect((await driver.check(signal)).map((finding) => finding.severity)).toEqual(['warning', 'warning', 'warning']);
  });

  it('is not created by a check', async () => {
    await using nats = await NatsHarness.start();
    const driver = await testDriver(nats.config());
    expect(await driver.check(signal)).toEqual([]);
    await expect(streamConfig(nats)).rejects.toThrow(/stream not found/);
  });

  it('is named when it is deleted for good, and gets everything once it is there again', async () => {
    await using nats = await NatsHarness.start();
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(10));
    await attempt.listener.untilSettled(10);
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.delete('app');
    });
    attempt.publish(maker.batch(10));
    await attempt.listener.until('the stream is named', () =>
      attempt.listener.states.some((error) => /stream "app" does not exist any more/.test(error?.message ?? '')),
    );
    await nats.createStream();
    await attempt.listener.untilSettled(20);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent.slice(10), await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: subjects that the stream does not store', () => {
  it('are named all at once at start, with the command that mends it', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ subjects: ['app.public_items', 'app.x.*'] });
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    const topics = ['app.public_items', 'app.public_a', 'app.x.y', 'app.x.y.z', 'app.public_b', 'app.public_a'];
    await expect(attempt.publisher.prepare(topics, signal)).rejects.toMatchObject({
      code: 'SUBJECT_NOT_COVERED',
      retriable: false,
      message: expect.stringMatching(/"app.public_a", "app.x.y.z", "app.public_b"$/) as unknown,
      remedy: "nats stream edit app --subjects='app.public_items,app.x.*,app.public_a,app.x.y.z,app.public_b'",
    });
    await attempt.publisher.close(0);
  });

  it('are fatal when they first turn up, after what came before them is stored', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ subjects: ['app.public_items'] });
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    const maker = new EventMaker('app');
    attempt.publish([...maker.batch(5), maker.next({ table: 'new' }), ...maker.batch(5)]);
    expect(await attempt.listener.untilFailed()).toMatchObject({ code: 'SUBJECT_NOT_COVERED' });
    await attempt.publisher.close(1000);
    expect([...attempt.listener.seqs]).toEqual([1, 2, 3, 4, 5]);
    expect((await nats.received()).length).toBe(5);
  });

  it('may be added to the stream while the service runs', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ subjects: ['app.public_items'] });
    const attempt = await new Attempt(await testDriver(nats.config())).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(5);
    await nats.withClient(async (client) => {
      await (
        await client.jetstreamManager()
      ).streams.update('app', { subjects: ['app.public_items', 'app.public_new'] });
    });
    attempt.publish(maker.batch(5, (i) => (i % 2 === 0 ? { table: 'new' } : {})));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: messages that are too large', () => {
  const tooLarge = async (nats: NatsHarness, onPoison: 'halt' | 'deadLetter' | 'skip', beforeLarge = () => {}) => {
    const problems: string[] = [];
    const passedOver: string[] = [];
    const metrics = {
      ...noMetrics,
      problem: (kind: string) => void problems.push(kind),
      passedOver: (policy: string, count: number) => void passedOver.push(`${policy} ${count}`),
    };
    const log: DriverLog = { lines: [] };
    const attempt = await new Attempt(
      await testDriver(nats.config({ onPoison, topicPrefix: 'p_' }), log, metrics),
    ).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(5);
    beforeLarge();
    attempt.publish([maker.next({ fillBytes: 20_000 }), ...maker.batch(5)]);
    return { attempt, problems, passedOver, log };
  };
  const options = { config: 'max_payload: 10000' };

  it('halt the service after everything before them is stored', async () => {
    await using nats = await NatsHarness.start(options);
    const { attempt, problems } = await tooLarge(nats, 'halt');
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'POISON', retriable: false });
    expect(error.message).toMatch(
      /^INSERT on public\.items at LSN 0\/600 is too large: 20\d+ bytes, limit 10000 \(max_payload of the NATS server\)$/,
    );
    await attempt.publisher.close(1000);
    expect([...attempt.listener.seqs]).toEqual([1, 2, 3, 4, 5]);
    expect((await nats.received()).length).toBe(5);
    expect(problems).toEqual(['publish']);
  });

  it('go to the dead letter subject in their place, without row data', async () => {
    await using nats = await NatsHarness.start(options);
    const { attempt, problems } = await tooLarge(nats, 'deadLetter');
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const received = [...(await nats.received())];
    const [letter] = received.splice(5, 1);
    const event = attempt.sent[5];
    if (letter === undefined || event === undefined) throw new Error('no dead letter');
    expect(letter.topic).toBe('app.p_dead_letter');
    expect(letter.id).toBe(eventId(event));
    expect(JSON.parse(letter.body)).toEqual({
      id: eventId(event),
      schema: 'public',
      table: 'items',
      action: 'INSERT',
      lsn: '0/600',
      xid: 706,
      commitTime: '2026-01-02T03:04:05.678901Z',
      reason: 'too large for max_payload of the NATS server',
      size: expect.any(Number) as unknown,
      limit: 10_000,
    });
    expect(
      deliveryFaults(
        attempt.sent.filter((one) => one !== event),
        received,
        'none',
      ),
    ).toEqual([]);
    expect(problems).toEqual(['publish']);
  });

  it('count once, however often their dead letter is sent', async () => {
    await using nats = await NatsHarness.start(options);
    const { attempt, passedOver, log } = await tooLarge(nats, 'deadLetter', () => nats.network.stall());
    await waitFor(() => passedOver.length > 0, { what: 'the dead letter to be sent' });
    nats.network.cut();
    nats.network.resume();
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    expect(passedOver).toEqual(['deadLetter 1']);
    expect(log.lines.filter((line) => line.includes('dead_letter'))).toHaveLength(1);
    expect((await nats.received()).filter(({ topic }) => topic === 'app.p_dead_letter')).toHaveLength(1);
  });

  it('halt the service when the dead letter would be too large as well', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ max_msg_size: 300 });
    const attempt = await new Attempt(await testDriver(nats.config({ onPoison: 'deadLetter' }))).open();
    attempt.publish([new EventMaker('app').next({ fillBytes: 20_000 })]);
    expect(await attempt.listener.untilFailed()).toMatchObject({ code: 'POISON', retriable: false });
    await attempt.publisher.close(1000);
    expect((await nats.received()).length).toBe(0);
  });

  it('are passed over, counted and logged', async () => {
    await using nats = await NatsHarness.start(options);
    const { attempt, problems, log } = await tooLarge(nats, 'skip');
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const others = attempt.sent.filter((event) => event.seq !== 6);
    expect(deliveryFaults(others, await nats.received(), 'none')).toEqual([]);
    expect(problems).toEqual(['publish']);
    expect(log.lines.filter((line) => line.includes('INSERT on public.items at LSN 0/600'))).toHaveLength(1);
  });

  it('are found by the limit of the stream too, also when it came later', async () => {
    await using nats = await NatsHarness.start();
    await nats.createStream({ max_msg_size: 50_000 });
    const attempt = await new Attempt(await testDriver(nats.config({ onPoison: 'skip' }))).open();
    const maker = new EventMaker('app');
    const three = () => [maker.next(), maker.next({ fillBytes: 20_000 }), maker.next()];
    attempt.publish(three());
    await attempt.listener.untilSettled(3);
    await nats.withClient(async (client) => {
      await (await client.jetstreamManager()).streams.update('app', { max_msg_size: 10_000 });
    });
    attempt.publish(three());
    await attempt.listener.untilSettled(6);
    await attempt.publisher.close(1000);
    const others = attempt.sent.filter((event) => event.seq !== 5);
    expect(deliveryFaults(others, await nats.received(), 'none')).toEqual([]);
  });
});

describe('NATS: headers', () => {
  async function headersOf(metadata: boolean): Promise<ReadonlyMap<string, string>> {
    await using nats = await NatsHarness.start();
    const attempt = await new Attempt(await testDriver(nats.config({ metadata }))).open();
    attempt.publish(new EventMaker('app').batch(1, () => ({ action: 'UPDATE' })));
    await attempt.listener.untilSettled(1);
    await attempt.publisher.close(1000);
    return await nats.withClient(async (client) => {
      const stored = await (await client.jetstreamManager()).streams.getMessage('app', { seq: 1 });
      return new Map(stored.header.keys().map((key) => [key, stored.header.get(key)]));
    });
  }

  it('carry id, content type, LSN and ordinal', async () => {
    const found = await headersOf(false);
    expect(Object.fromEntries(found)).toEqual({
      'Nats-Msg-Id': testEventId(1),
      'Nats-Expected-Last-Sequence': '0',
      'Content-Type': 'application/json',
      'Wal-Lsn': '0/100',
      'Wal-Ordinal': '0',
    });
  });

  it('carry transaction, time, table and action with metadata', async () => {
    const found = await headersOf(true);
    expect(Object.fromEntries(found)).toMatchObject({
      'Wal-Xid': '701',
      'Wal-Commit-Time': '2026-01-02T03:04:05.678901Z',
      'Wal-Table': 'public.items',
      'Wal-Action': 'UPDATE',
    });
  });
});
