import { describe, expect, it } from 'vitest';
import { eventId } from '#lib/events';
import type { PublisherConfig } from '#lib/config';
import { noMetrics } from '#lib/kernel';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker, testEventId } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { RabbitmqHarness, sharedNode } from './rabbitmq-harness.js';
import { waitFor } from '../support/wait-for.js';

const LIMIT_BYTES = 10_000;
const node = sharedNode({ config: `max_message_size = ${LIMIT_BYTES}` });
const start = async (bare = false) => RabbitmqHarness.start(await node(), { bare });
const signal = () => new AbortController().signal;
const AS_IT_IS: Partial<PublisherConfig> = { rabbitmq: { declareExchange: false } };

async function openAttempt(rabbitmq: RabbitmqHarness, publisher: Partial<PublisherConfig> = {}): Promise<Attempt> {
  return new Attempt(await testDriver(rabbitmq.config(publisher))).open();
}

describe('RabbitMQ: the exchange', () => {
  it.each(['topic', 'fanout', 'direct'] as const)('is declared, durable, of kind %s', async (exchangeKind) => {
    await using rabbitmq = await start(true);
    const attempt = await openAttempt(rabbitmq, { exchangeKind });
    await rabbitmq.withChannel((channel) => channel.assertExchange('app', exchangeKind, { durable: true }));
    const pattern = { topic: '*.public_items', fanout: '', direct: 'app.public_items' }[exchangeKind];
    await rabbitmq.declareQueue('all', pattern);
    attempt.publish(new EventMaker('app').batch(20));
    await attempt.listener.untilSettled(20);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });

  it('is used as it is with declareExchange: false, whatever its kind', async () => {
    await using rabbitmq = await start(true);
    await rabbitmq.declareExchange('app', 'headers', { durable: false });
    await rabbitmq.declareQueue('all', '');
    const attempt = await openAttempt(rabbitmq, AS_IT_IS);
    attempt.publish(new EventMaker('app').batch(5));
    await attempt.listener.untilSettled(5);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });

  it('has to be there with declareExchange: false', async () => {
    await using rabbitmq = await start(true);
    await expect(openAttempt(rabbitmq, AS_IT_IS)).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: 'exchange "app" does not exist in vhost "/"',
      remedy: expect.stringContaining('declareExchange: true') as unknown,
    });
  });

  it('of another kind, or not durable, is refused with what is different', async () => {
    await using rabbitmq = await start(true);
    await rabbitmq.declareExchange('app', 'fanout');
    await expect(openAttempt(rabbitmq)).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringMatching(/^exchange "app" is not topic.*'topic' but current is 'fanout'/) as unknown,
    });
    await rabbitmq.declareExchange('loose', 'topic', { durable: false });
    await expect(openAttempt(rabbitmq, { topic: 'loose' })).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringMatching(/^exchange "loose" is not topic, durable.*'durable'/) as unknown,
    });
  });

  it('is declared again when it vanishes', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq, { unroutable: 'block' });
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(5);
    await rabbitmq.withChannel((channel) => channel.deleteExchange('app'));
    attempt.publish(maker.batch(5));
    await attempt.listener.until('no queue takes it', () => attempt.listener.wasDown);
    await rabbitmq.withChannel(async (channel) => {
      await channel.assertExchange('app', 'topic', { durable: true });
      await channel.bindQueue('all', 'app', '#');
    });
    await attempt.listener.untilSettled(10);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received())).toEqual([]);
  });

  it('that vanishes and may not be declared is waited for, loudly', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq, AS_IT_IS);
    await rabbitmq.withChannel((channel) => channel.deleteExchange('app'));
    attempt.publish(new EventMaker('app').batch(5));
    const missing = () => attempt.listener.states.at(-1)?.message === 'exchange "app" does not exist in vhost "/"';
    await attempt.listener.until('the missing exchange is named', missing);
    expect(attempt.listener.seqs.size).toBe(0);
    await rabbitmq.withChannel(async (channel) => {
      await channel.assertExchange('app', 'topic', { durable: true });
      await channel.bindQueue('all', 'app', '#');
    });
    await attempt.listener.untilSettled(5);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received())).toEqual([]);
  });
});

describe('RabbitMQ: check', () => {
  const check = async (rabbitmq: RabbitmqHarness, publisher: Partial<PublisherConfig> = {}) =>
    (await testDriver(rabbitmq.config(publisher))).check(signal());

  it('finds nothing when all is well, and declares nothing', async () => {
    await using rabbitmq = await start(true);
    expect(await check(rabbitmq)).toEqual([]);
    await expect(rabbitmq.withChannel((channel) => channel.checkExchange('app'))).rejects.toThrow(/NOT_FOUND/);
    await rabbitmq.declareExchange('app');
    expect(await check(rabbitmq)).toEqual([]);
    expect(await check(rabbitmq, { ...AS_IT_IS, exchangeKind: 'fanout' })).toEqual([]);
  });

  it('names a missing exchange and one of another kind as errors, one that is not durable as a warning', async () => {
    await using rabbitmq = await start(true);
    expect(await check(rabbitmq, AS_IT_IS)).toMatchObject([{ severity: 'error', code: 'BROKER_CONFIG' }]);
    await rabbitmq.declareExchange('app', 'topic', { durable: false });
    expect(await check(rabbitmq)).toMatchObject([{ severity: 'error', code: 'BROKER_CONFIG' }]);
    expect(await check(rabbitmq, AS_IT_IS)).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('not durable') as unknown },
    ]);
  });
});

describe('RabbitMQ: message properties', () => {
  async function messageOf(metadata: boolean) {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq, { metadata });
    attempt.publish(new EventMaker('app').batch(1, () => ({ action: 'UPDATE' })));
    await attempt.listener.untilSettled(1);
    await attempt.publisher.close(1000);
    const message = await rabbitmq.withChannel((channel) => channel.get('all', { noAck: true }));
    if (message === false) throw new Error('no message');
    return { exchange: message.fields.exchange, key: message.fields.routingKey, ...message.properties };
  }

  it('are id, persistence and content type, LSN and ordinal', async () => {
    expect(await messageOf(false)).toMatchObject({
      exchange: 'app',
      key: 'app.public_items',
      messageId: testEventId(1),
      deliveryMode: 2,
      contentType: 'application/json',
    });
    expect((await messageOf(false)).headers).toEqual({ lsn: '0/100', ordinal: 0 });
  });

  it('are transaction, time, table and action too with metadata', async () => {
    expect((await messageOf(true)).headers).toEqual({
      lsn: '0/100',
      ordinal: 0,
      xid: 701,
      'commit-time': '2026-01-02T03:04:05.678901Z',
      table: 'public.items',
      action: 'UPDATE',
    });
  });
});

describe('RabbitMQ: names', () => {
  it('longer than 255 bytes are shortened, and stay apart', async () => {
    await using rabbitmq = await start();
    const driver = await testDriver(rabbitmq.config());
    const attempt = await new Attempt(driver).open();
    const names = ['a', 'b', 'é'].map((end) => driver.topicName(`app.${'x'.repeat(300)}${end}`));
    attempt.publish(new EventMaker('app').batch(3, (i) => ({ topic: names[i] ?? '' })));
    await attempt.listener.untilSettled(3);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
    expect(new Set(names).size).toBe(3);
  });
});

describe('RabbitMQ: messages that are too large', () => {
  const tooLarge = async (
    rabbitmq: RabbitmqHarness,
    publisher: Partial<PublisherConfig>,
    onPassedOver: () => void = () => {},
  ) => {
    const problems: string[] = [];
    const passedOver: string[] = [];
    const metrics = {
      ...noMetrics,
      problem: (kind: string) => void problems.push(kind),
      passedOver: (policy: string, count: number) => {
        passedOver.push(`${policy} ${count}`);
        onPassedOver();
      },
    };
    const log: DriverLog = { lines: [] };
    const config = rabbitmq.config({ topicPrefix: 'p_', ...publisher });
    const attempt = await new Attempt(await testDriver(config, log, metrics)).open();
    const maker = new EventMaker('app');
    const large = { fillBytes: 2 * LIMIT_BYTES };
    attempt.publish([...maker.batch(5), maker.next(large), ...maker.batch(5)]);
    return { attempt, problems, passedOver, log };
  };

  it('halt the service after everything before them is stored', async () => {
    await using rabbitmq = await start();
    const { attempt, problems } = await tooLarge(rabbitmq, { onPoison: 'halt' });
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'POISON', retriable: false });
    expect(error.message).toMatch(
      /^INSERT on public\.items at LSN 0\/600 is too large: 20\d+ bytes, limit 10000 \(max_message_size of RabbitMQ\)$/,
    );
    await attempt.publisher.close(1000);
    expect([1, 2, 3, 4, 5, 6].filter((seq) => attempt.listener.seqs.has(seq))).toEqual([1, 2, 3, 4, 5]);
    expect(problems).toEqual(['publish']);
  });

  it('go to the dead letter key, without row data', async () => {
    await using rabbitmq = await start();
    const { attempt, problems } = await tooLarge(rabbitmq, { onPoison: 'deadLetter' });
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const received = await rabbitmq.received();
    const event = attempt.sent[5];
    if (event === undefined) throw new Error('no event');
    const letters = received.filter((message) => message.topic === 'app.p_dead_letter');
    expect(letters.map((letter) => letter.id)).toEqual([eventId(event)]);
    expect(JSON.parse(letters[0]?.body ?? '')).toMatchObject({ lsn: '0/600', limit: LIMIT_BYTES });
    expect(letters[0]?.body).not.toContain('xxx');
    const others = received.filter((message) => !letters.includes(message));
    expect(
      deliveryFaults(
        attempt.sent.filter((one) => one !== event),
        others,
      ),
    ).toEqual([]);
    expect(problems).toEqual(['publish']);
  });

  it('count once, however often their dead letter is sent', async () => {
    await using rabbitmq = await start();
    const { attempt, passedOver, log } = await tooLarge(rabbitmq, { onPoison: 'deadLetter', ordering: 'relaxed' }, () =>
      rabbitmq.network.stall(),
    );
    await waitFor(() => passedOver.length > 0, { what: 'the dead letter to be sent' });
    rabbitmq.network.cut();
    rabbitmq.network.resume();
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    expect(passedOver).toEqual(['deadLetter 1']);
    expect(log.lines.filter((line) => line.includes('publisher.onPoison'))).toHaveLength(1);
    expect((await rabbitmq.received()).filter(({ topic }) => topic === 'app.p_dead_letter').length).toBeGreaterThan(0);
  });

  it('halt the service when no queue takes the dead letter', async () => {
    await using rabbitmq = await start(true);
    await rabbitmq.declareExchange('app');
    await rabbitmq.declareQueue('all', 'app.public_items');
    const { attempt } = await tooLarge(rabbitmq, { onPoison: 'deadLetter' });
    expect(await attempt.listener.untilFailed()).toMatchObject({
      code: 'POISON',
      message: expect.stringContaining('app.p_dead_letter') as unknown,
    });
    await attempt.publisher.close(1000);
    expect(attempt.listener.seqs.has(6)).toBe(false);
  });

  it.each(['strict', 'relaxed'] as const)('are passed over, counted and logged (%s)', async (ordering) => {
    await using rabbitmq = await start();
    const { attempt, problems, log } = await tooLarge(rabbitmq, { onPoison: 'skip', ordering });
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const others = attempt.sent.filter((event) => event.seq !== 6);
    expect(deliveryFaults(others, await rabbitmq.received())).toEqual([]);
    expect(problems).toEqual(['publish']);
    expect(log.lines.filter((line) => line.includes('INSERT on public.items at LSN 0/600'))).toHaveLength(1);
    expect(attempt.listener.states).toEqual([]);
  });
});
