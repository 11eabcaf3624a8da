import { describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { eventId } from '#lib/events';
import { noMetrics } from '#lib/kernel';
import { deliveryFaults, type ReceivedMessage } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { freePort } from '../support/free-port.js';
import { waitFor } from '../support/wait-for.js';
import { RabbitmqHarness, type RabbitmqHarnessOptions, sharedNode } from './rabbitmq-harness.js';

const node = sharedNode();
const start = async (options: RabbitmqHarnessOptions = {}) => RabbitmqHarness.start(await node(), options);
const signal = () => new AbortController().signal;
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function openAttempt(
  rabbitmq: RabbitmqHarness,
  publisher: Partial<PublisherConfig> = {},
  ackTimeoutMs = 5000,
): Promise<Attempt> {
  return new Attempt(await testDriver(rabbitmq.config(publisher, ackTimeoutMs))).open();
}

/** The ids in the order in which each came last. */
function lastComing(received: readonly ReceivedMessage[]): readonly string[] {
  return [...new Set(received.toReversed().map((message) => message.id ?? ''))].toReversed();
}

describe('RabbitMQ: a queue that refuses messages', () => {
  const full = (type: string) => ({
    arguments: { 'x-queue-type': type, 'x-max-length': 3, 'x-overflow': 'reject-publish' },
  });

  it.each(['classic', 'quorum'])('is waited for, nothing is overtaken (%s)', async (type) => {
    await using rabbitmq = await start({ queue: full(type) });
    const attempt = await openAttempt(rabbitmq);
    attempt.publish(new EventMaker('app').batch(20, (i) => ({ key: `k${i % 4}` })));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    await expect(attempt.publisher.checkHealth(signal())).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
    await waitFor(async () => (await rabbitmq.received()) && attempt.listener.seqs.size === 20, {
      what: 'all events, room being made again and again',
      deadlineMs: 30_000,
    });
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });

  it('relaxed: what was stored behind a refused message is not settled, and is sent again after it', async () => {
    await using rabbitmq = await start({ queue: full('classic'), publisher: { ordering: 'relaxed' } });
    await rabbitmq.declareQueue('orders', '*.public_orders');
    await rabbitmq.withChannel((channel) => channel.unbindQueue('all', 'app', '#'));
    await rabbitmq.withChannel((channel) => channel.bindQueue('all', 'app', '*.public_items'));
    const attempt = await openAttempt(rabbitmq);
    attempt.publish(new EventMaker('app').batch(10, (i) => ({ key: 'k', table: i < 5 ? 'items' : 'orders' })));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    const stored = await waitFor(async () => (await rabbitmq.received('orders')).length >= 5, { what: 'the others' });
    expect(stored).toBe(true);
    expect([...attempt.listener.seqs].every((seq) => seq <= 3)).toBe(true);
    await rabbitmq.received();
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    const orders = await rabbitmq.received('orders');
    expect(orders.length).toBeGreaterThanOrEqual(10);
    expect(lastComing(orders)).toEqual(attempt.sent.slice(5).map(eventId));
    expect(lastComing(await rabbitmq.received())).toEqual(attempt.sent.slice(0, 5).map(eventId));
  });
});

describe('RabbitMQ: messages that no queue wants', () => {
  const onlyItems = async (rabbitmq: RabbitmqHarness) =>
    rabbitmq.withChannel(async (channel) => {
      await channel.unbindQueue('all', 'app', '#');
      await channel.bindQueue('all', 'app', '*.public_items');
    });
  const bindAll = async (rabbitmq: RabbitmqHarness) =>
    rabbitmq.withChannel((channel) => channel.bindQueue('all', 'app', '#'));

  it.each(['strict', 'relaxed'] as const)(
    'are counted, and warned about once per routing key (%s)',
    async (ordering) => {
      await using rabbitmq = await start();
      await onlyItems(rabbitmq);
      const problems: string[] = [];
      const log: DriverLog = { lines: [] };
      const metrics = { ...noMetrics, problem: (kind: string) => void problems.push(kind) };
      const attempt = await new Attempt(await testDriver(rabbitmq.config({ ordering }), log, metrics)).open();
      const tables = ['items', 'orders', 'items', 'lines'];
      attempt.publish(new EventMaker('app').batch(40, (i) => ({ key: `k${i % 3}`, table: tables[i % 4] ?? '' })));
      await attempt.listener.untilSettled(40);
      await attempt.publisher.close(1000);
      expect(problems).toEqual(Array.from({ length: 20 }, () => 'publish'));
      const warnings = log.lines.filter((line) => line.includes('no queue takes'));
      expect(warnings.map((line) => /"(app\.public_\w+)"/.exec(line)?.[1])).toEqual([
        'app.public_orders',
        'app.public_lines',
      ]);
      const routed = attempt.sent.filter((event) => event.route.table === 'items');
      expect(deliveryFaults(routed, await rabbitmq.received(), 'none')).toEqual([]);
      expect(attempt.listener.states).toEqual([]);
    },
  );

  it('are retried with unroutable: block, nothing of their key overtakes them', async () => {
    await using rabbitmq = await start();
    await onlyItems(rabbitmq);
    const attempt = await openAttempt(rabbitmq, { unroutable: 'block' });
    const maker = new EventMaker('app');
    const table = (i: number) => (i === 10 ? 'orders' : 'items');
    attempt.publish(maker.batch(40, (i) => ({ key: i % 2 === 0 ? 'even' : 'odd', table: table(i) })));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    await delay(500);
    expect(attempt.listener.states.at(-1)).toMatchObject({
      code: 'BROKER_REFUSED',
      message: 'no queue takes "app.public_orders" of exchange "app"',
    });
    expect(attempt.listener.isUp).toBe(false);
    const even = attempt.sent.filter((_, i) => i % 2 === 0).map(eventId);
    const came = (await rabbitmq.received()).map((message) => message.id ?? '').filter((id) => even.includes(id));
    expect(came).toEqual(even.slice(0, 5));
    await bindAll(rabbitmq);
    await attempt.listener.untilSettled(40);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });

  it('relaxed with block: what went past them is sent again after them', async () => {
    await using rabbitmq = await start();
    await onlyItems(rabbitmq);
    const attempt = await openAttempt(rabbitmq, { unroutable: 'block', ordering: 'relaxed' });
    attempt.publish(new EventMaker('app').batch(10, (i) => ({ key: 'k', table: i === 3 ? 'orders' : 'items' })));
    await attempt.listener.until('the refusal is reported', () => attempt.listener.wasDown);
    await delay(200);
    expect([...attempt.listener.seqs]).toEqual([1, 2, 3]);
    await bindAll(rabbitmq);
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(lastComing(await rabbitmq.received())).toEqual(attempt.sent.map(eventId));
  });

  it('count as delivered when an alternate exchange takes them', async () => {
    await using rabbitmq = await start({ bare: true });
    await rabbitmq.declareExchange('others', 'fanout');
    await rabbitmq.declareExchange('app', 'topic', { alternateExchange: 'others' });
    await rabbitmq.declareQueue('all', '', {}, 'others');
    const problems: string[] = [];
    const metrics = { ...noMetrics, problem: (kind: string) => void problems.push(kind) };
    const config = rabbitmq.config({ unroutable: 'block', rabbitmq: { declareExchange: false } });
    const attempt = await new Attempt(await testDriver(config, undefined, metrics)).open();
    attempt.publish(new EventMaker('app').batch(10));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(problems).toEqual([]);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });
});

describe('RabbitMQ: an alarm', () => {
  it('stops the sending without a reconnect, until it is over', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq, {}, 500);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(10));
    await attempt.listener.untilSettled(10);
    await rabbitmq.server.ctl('set_vm_memory_high_watermark', '0');
    try {
      attempt.publish(maker.batch(10, (i) => ({ key: `k${i % 3}` })));
      await attempt.listener.until('the alarm is reported', () => attempt.listener.wasDown);
      expect(attempt.listener.states.at(-1)).toMatchObject({
        code: 'BROKER_REFUSED',
        message: expect.stringMatching(/has an alarm and takes no messages: .*memory/) as unknown,
      });
      attempt.publish(maker.batch(10, (i) => ({ key: `k${i % 3}` })));
      // Several times what an acknowledgement may take.
      await delay(2000);
      expect(attempt.listener.states.length).toBe(1);
      expect(rabbitmq.network.accepted).toBe(1);
      expect(attempt.listener.seqs.size).toBe(10);
    } finally {
      await rabbitmq.server.ctl('set_vm_memory_high_watermark', 'absolute', '2GB');
    }
    await attempt.listener.untilSettled(30);
    expect(attempt.listener.isUp).toBe(true);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });
});

describe('RabbitMQ: the fence', () => {
  const QUEUE = /another connection holds this slot's place, queue "wal-listener\.app\.wal_listener\.[0-9a-f]{12}"/;

  it('lets the second publisher of a slot wait until the first is gone', async () => {
    await using rabbitmq = await start();
    const first = await openAttempt(rabbitmq);
    const second = new Attempt(await testDriver(rabbitmq.config()));
    await second.publisher.open(signal());
    let taken = false;
    const preparing = second.publisher.prepare([], signal()).then(() => (taken = true));
    await second.listener.until('it is told whom it waits for', () => second.listener.wasDown);
    expect(second.listener.states.at(-1)?.message).toMatch(QUEUE);
    first.publish(new EventMaker('app').batch(10));
    await first.listener.untilSettled(10);
    expect(taken).toBe(false);
    await first.publisher.close(1000);
    await preparing;
    expect(second.listener.isUp).toBe(true);
    await second.publisher.close(1000);
  });

  it('holds back a new connection until the abandoned one has brought what it still held', async () => {
    await using rabbitmq = await start({ publisher: { ordering: 'relaxed' } });
    const first = await openAttempt(rabbitmq);
    const maker = new EventMaker('app');
    first.publish(maker.batch(100, () => ({ key: 'k' })));
    await first.listener.untilSettled(100);
    rabbitmq.network.stall();
    first.publish(maker.batch(100, () => ({ key: 'k', fillBytes: 500 })));
    // Handed to the network, and to be closed behind it.
    await delay(200);
    await first.publisher.close(0);
    const direct = rabbitmq.config({ addresses: [rabbitmq.server.address] });
    const second = new Attempt(await testDriver(direct));
    await second.publisher.open(signal());
    const preparing = second.publisher.prepare([], signal());
    await second.listener.until('it is told whom it waits for', () => second.listener.wasDown);
    rabbitmq.network.resume();
    await preparing;
    const resent = first.sent.slice(100).map((event, i) => ({ ...event, seq: i + 1 }));
    second.publish(resent);
    await second.listener.untilSettled(100);
    await second.publisher.close(1000);
    const received = await rabbitmq.received();
    expect(received.length).toBeGreaterThan(200);
    expect(deliveryFaults(first.sent, received)).toEqual([]);
  });

  it('falls when heartbeats end a connection that hangs, and nothing of it comes later', async () => {
    await using rabbitmq = await start();
    const first = await openAttempt(rabbitmq, {}, 300_000);
    const maker = new EventMaker('app');
    first.publish(maker.batch(50, (i) => ({ key: `k${i}` })));
    await first.listener.untilSettled(50);
    rabbitmq.network.stall();
    first.publish(maker.batch(50, (i) => ({ key: `k${i}` })));
    const direct = rabbitmq.config({ addresses: [rabbitmq.server.address] });
    const second = await new Attempt(await testDriver(direct)).open();
    expect(second.listener.states[0]?.message).toMatch(QUEUE);
    await first.listener.until('the first notices it too', () => first.listener.wasDown);
    second.publish(first.sent.slice(50).map((event, i) => ({ ...event, seq: i + 1 })));
    await second.listener.untilSettled(50);
    await first.publisher.close(0);
    rabbitmq.network.resume();
    await delay(500);
    expect(deliveryFaults(first.sent, await rabbitmq.received(), 'none')).toEqual([]);
    await second.publisher.close(1000);
  });
});

describe('RabbitMQ: connections', () => {
  it('a broker that stands still is left and found again, in order', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq, {}, 500);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(100, (i) => ({ key: `k${i % 7}` })));
    await attempt.listener.untilSettled(100);
    rabbitmq.server.freeze();
    attempt.publish(maker.batch(100, (i) => ({ key: `k${i % 7}` })));
    await attempt.listener.until('the silence is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT', retriable: true });
    rabbitmq.server.thaw();
    await attempt.listener.untilSettled(200);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received())).toEqual([]);
  });

  it('an idle connection that is lost is made again', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq);
    rabbitmq.network.cut();
    await attempt.listener.until('the loss is reported', () => attempt.listener.wasDown);
    await attempt.listener.until('and its end', () => attempt.listener.isUp);
    expect(rabbitmq.network.accepted).toBe(2);
    await attempt.publisher.checkHealth(signal());
    await attempt.publisher.close(1000);
  });

  it('that the broker closes are made again, and its reason is told', async () => {
    await using rabbitmq = await start();
    const attempt = await openAttempt(rabbitmq);
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(5);
    await rabbitmq.server.ctl('close_all_connections', 'maintenance of the broker');
    await attempt.listener.until('the loss is reported', () => attempt.listener.wasDown);
    expect(attempt.listener.states[0]).toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('maintenance of the broker') as unknown,
    });
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });

  it('are tried at each address in turn', async () => {
    await using rabbitmq = await start();
    const dead = `amqp://127.0.0.1:${String(await freePort())}`;
    const attempt = await openAttempt(rabbitmq, { addresses: [dead, rabbitmq.network.address] });
    attempt.publish(new EventMaker('app').batch(5));
    await attempt.listener.untilSettled(5);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await rabbitmq.received(), 'none')).toEqual([]);
  });
});
