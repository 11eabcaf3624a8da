import { describe, expect, it } from 'vitest';
import type { PublisherConfig } from '#lib/config';
import { eventId } from '#lib/events';
import { noMetrics } from '#lib/kernel';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker, testEventId } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { PubsubHarness } from './pubsub-harness.js';

const signal = new AbortController().signal;

function creating(pubsub: PubsubHarness): Partial<PublisherConfig> {
  return { pubsub: { ...pubsub.config().publisher.pubsub, createTopics: true } };
}

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: topics that do not exist')])('%s', () => {
  it('are named all at once at start, with the commands that create them', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config())).open();
    const topics = ['app.public_a', 'app.public_items', 'app.public_b', 'app.public_a'];
    await expect(attempt.publisher.prepare(topics, signal)).rejects.toMatchObject({
      code: 'SUBJECT_NOT_COVERED',
      retriable: false,
      message: 'Pub/Sub project "test-project": topics do not exist: "app.public_a", "app.public_b"',
      remedy: [
        'gcloud pubsub topics create app.public_a --project test-project',
        'gcloud pubsub topics create app.public_b --project test-project',
        'or set publisher.pubsub.createTopics.',
      ].join('\n'),
    });
    await attempt.publisher.close(0);
    expect(await pubsub.client.topics()).not.toContain('app.public_a');
  });

  it('are fatal when they first turn up, after what was sent with them is stored', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config())).open();
    const maker = new EventMaker('app');
    attempt.publish([...maker.batch(5), maker.next({ table: 'new' })]);
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'SUBJECT_NOT_COVERED', retriable: false });
    expect(error.message).toContain('"app.public_new"');
    expect(error.remedy).toContain('gcloud pubsub topics create app.public_new --project test-project');
    await attempt.publisher.close(1000);
    expect([...attempt.listener.seqs].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect((await pubsub.received()).length).toBe(5);
  });

  it('are created with createTopics, at start and later', async () => {
    await using pubsub = await PubsubHarness.start();
    const log: DriverLog = { lines: [] };
    const attempt = await new Attempt(await testDriver(pubsub.config(creating(pubsub)), log)).open();
    await attempt.publisher.prepare(['app.public_items', 'app.public_a'], signal);
    expect(await pubsub.client.topics()).toContain('app.public_a');
    const maker = new EventMaker('app');
    attempt.publish([...maker.batch(5), maker.next({ table: 'new' }), ...maker.batch(5)]);
    await attempt.listener.untilSettled(11);
    expect(attempt.listener.states).toEqual([undefined].slice(1));
    await attempt.publisher.close(1000);
    expect(await pubsub.client.topics()).toContain('app.public_new');
    expect(log.lines.filter((line) => line.includes('created topic app.public_'))).toHaveLength(2);
  });

  it('are fatal too when they vanish while the service runs', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config())).open();
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(5));
    await attempt.listener.untilSettled(5);
    await pubsub.client.deleteTopic('app.public_items');
    attempt.publish(maker.batch(5));
    expect(await attempt.listener.untilFailed()).toMatchObject({ code: 'SUBJECT_NOT_COVERED' });
    await attempt.publisher.close(0);
  });

  it('are told by a check when it is that of dead letters, which changes nothing', async () => {
    await using pubsub = await PubsubHarness.start();
    const before = await pubsub.client.topics();
    const driver = await testDriver(pubsub.config({ onPoison: 'deadLetter', topicPrefix: 'p_' }));
    expect(await driver.check(signal)).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('in memory only, in plain text') as unknown },
      {
        severity: 'error',
        code: 'SUBJECT_NOT_COVERED',
        message: expect.stringContaining('app.p_dead_letter') as unknown,
      },
    ]);
    expect(await pubsub.client.topics()).toEqual(before);
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: names of topics')])('%s', () => {
  it('with forbidden characters, a bad beginning or too many characters are taken by the emulator', async () => {
    await using pubsub = await PubsubHarness.start({ topics: [] });
    const driver = await testDriver(pubsub.config(creating(pubsub)));
    const names = ['a/b c', '1st', 'goog.x', 'é', 'x', 'long'.repeat(200), 'long'.repeat(201), 'A-z_0.~+%'];
    const topics = names.map((name) => driver.topicName(name));
    const attempt = await new Attempt(driver).open();
    await attempt.publisher.prepare(topics, signal);
    for (const topic of topics) await pubsub.client.subscribe(topic);
    attempt.publish(new EventMaker('app').batch(names.length, (i) => ({ topic: topics[i] ?? '' })));
    await attempt.listener.untilSettled(names.length);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await pubsub.received(), 'none', 'topic')).toEqual([]);
    expect(new Set(topics).size).toBe(names.length);
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: messages that it can never take')])('%s', () => {
  const tooLarge = async (pubsub: PubsubHarness, onPoison: 'halt' | 'deadLetter' | 'skip') => {
    const problems: string[] = [];
    const metrics = { ...noMetrics, problem: (kind: string) => void problems.push(kind) };
    const log: DriverLog = { lines: [] };
    await pubsub.client.createSubscribed('app.p_dead_letter');
    const config = pubsub.config({ onPoison, topicPrefix: 'p_' }, 20_000);
    const attempt = await new Attempt(await testDriver(config, log, metrics)).open();
    const maker = new EventMaker('app');
    attempt.publish([...maker.batch(5), maker.next({ fillBytes: 10_000_000 }), ...maker.batch(5)]);
    return { attempt, problems, log };
  };

  it('for their size halt the service after everything before them is stored, before they are sent', async () => {
    await using pubsub = await PubsubHarness.start();
    const { attempt, problems } = await tooLarge(pubsub, 'halt');
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'POISON', retriable: false });
    expect(error.message).toMatch(
      /^INSERT on public\.items at LSN 0\/600 is too large: 1000\d{4} bytes, limit 10000000 \(Pub\/Sub's limit for a message\)$/,
    );
    await attempt.publisher.close(1000);
    expect([...attempt.listener.seqs].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect((await pubsub.received()).length).toBe(5);
    expect(problems).toEqual(['publish']);
  });

  it('for their size go to the dead letter topic, without row data', async () => {
    await using pubsub = await PubsubHarness.start();
    const { attempt, problems } = await tooLarge(pubsub, 'deadLetter');
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const [letter, ...more] = await pubsub.messages('app.p_dead_letter');
    const event = attempt.sent[5];
    if (letter === undefined || event === undefined) throw new Error('no dead letter');
    expect(more).toEqual([]);
    expect(letter.attributes['id']).toBe(eventId(event));
    expect(letter.orderingKey).toMatch(/^\d+$/);
    expect(JSON.parse(letter.body)).toEqual({
      id: eventId(event),
      schema: 'public',
      table: 'items',
      action: 'INSERT',
      lsn: '0/600',
      xid: 706,
      commitTime: '2026-01-02T03:04:05.678901Z',
      reason: "too large for Pub/Sub's limit for a message",
      size: expect.any(Number) as unknown,
      limit: 10_000_000,
    });
    const others = attempt.sent.filter((one) => one !== event);
    expect(deliveryFaults(others, await pubsub.received('app.public_items'), 'none', 'topic')).toEqual([]);
    expect(problems).toEqual(['publish']);
  });

  it('for their size are passed over, counted and logged', async () => {
    await using pubsub = await PubsubHarness.start();
    const { attempt, problems, log } = await tooLarge(pubsub, 'skip');
    await attempt.listener.untilSettled(11);
    await attempt.publisher.close(1000);
    const others = attempt.sent.filter((event) => event.seq !== 6);
    expect(deliveryFaults(others, await pubsub.received(), 'none', 'topic')).toEqual([]);
    expect(problems).toEqual(['publish']);
    expect(log.lines.filter((line) => line.includes('INSERT on public.items at LSN 0/600'))).toHaveLength(1);
  });

  it('are none just below the limit, and large ones go in requests of their own', async () => {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({}, 30_000))).open();
    attempt.publish(
      new EventMaker('app').batch(4, (i) => ({ key: 'k', fillBytes: i === 1 ? 9_999_000 : i === 2 ? 3_000_000 : 0 })),
    );
    await attempt.listener.untilSettled(4);
    await attempt.publisher.close(1000);
    expect(deliveryFaults(attempt.sent, await pubsub.received(), 'none', 'topic')).toEqual([]);
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('Pub/Sub: attributes that a pull subscriber sees')])('%s', () => {
  async function attributesOf(metadata: boolean) {
    await using pubsub = await PubsubHarness.start();
    const attempt = await new Attempt(await testDriver(pubsub.config({ metadata }))).open();
    attempt.publish(new EventMaker('app').batch(1, () => ({ action: 'UPDATE' })));
    await attempt.listener.untilSettled(1);
    await attempt.publisher.close(1000);
    return (await pubsub.messages())[0]?.attributes;
  }

  const always = { id: testEventId(1), 'content-type': 'application/json', lsn: '0/100', ordinal: '0' };

  it('are id, content type, LSN and ordinal', async () => {
    expect(await attributesOf(false)).toEqual(always);
  });

  it('are transaction, time, table and action too with metadata', async () => {
    expect(await attributesOf(true)).toEqual({
      ...always,
      xid: '701',
      'commit-time': '2026-01-02T03:04:05.678901Z',
      table: 'public.items',
      action: 'UPDATE',
    });
  });
});
