import { describe, expect, it } from 'vitest';
import { deliveryFaults } from '../../libs/publishing/src/testing/delivery-check.js';
import { EventMaker, testEventId } from '../../libs/publishing/src/testing/outgoing-events.js';
import { Attempt, type DriverLog, testDriver } from '../../libs/publishing/src/testing/publisher-harness.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { ScriptedPubsub } from './scripted-pubsub.js';

const STATUS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};
const signal = new AbortController().signal;

describe("Pub/Sub's refusals, by a gRPC server of the tests' own", () => {
  it.each(['UNKNOWN', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'INTERNAL', 'UNAVAILABLE'] as const)(
    'with %s are retried, nothing of the key overtakes',
    async (status) => {
      await using scripted = await ScriptedPubsub.start();
      const attempt = await new Attempt(await testDriver(scripted.config({}, 1500))).open();
      let refusals = 0;
      scripted.onPublish = (messages) => {
        if (refusals >= 3 || !messages.some((message) => message.id === testEventId(60))) return undefined;
        refusals += 1;
        return { code: STATUS[status], details: 'not now' };
      };
      const maker = new EventMaker('app');
      for (let i = 0; i < 10; i++) attempt.publish(maker.batch(50, (n) => ({ key: `k${n % 5}` })));
      await attempt.listener.until('the refusal is reported', () => attempt.listener.states.length > 0);
      await attempt.listener.untilSettled(500);
      await attempt.publisher.close(1000);
      expect(refusals).toBe(3);
      expect(attempt.listener.states[0]).toMatchObject({
        code: status === 'UNAVAILABLE' ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED',
        retriable: true,
        message: 'topic "app.public_items": not now',
      });
      expect(attempt.listener.isUp).toBe(true);
      expect(deliveryFaults(attempt.sent, scripted.messages, 'none')).toEqual([]);
    },
  );

  it.each(['UNKNOWN', 'INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'] as const)(
    'with %s by a front end, while the request is stored all the same, are waited out',
    async (status) => {
      await using scripted = await ScriptedPubsub.start();
      const attempt = await new Attempt(await testDriver(scripted.config({}, 2000))).open();
      let stored: NodeJS.Timeout | undefined;
      scripted.onPublish = (messages) => {
        if (stored !== undefined) return undefined;
        stored = setTimeout(() => scripted.messages.push(...messages), 1000);
        return { code: STATUS[status], details: 'the backend did not answer' };
      };
      const maker = new EventMaker('app');
      attempt.publish(maker.batch(20, () => ({ key: 'k' })));
      await attempt.listener.until('the answer is reported', () => attempt.listener.states.length > 0);
      attempt.publish(maker.batch(20, () => ({ key: 'k' })));
      await attempt.listener.untilSettled(40);
      expect(attempt.listener.isUp).toBe(true);
      await attempt.publisher.close(1000);
      expect(scripted.messages.length).toBe(60);
      expect(deliveryFaults(attempt.sent, scripted.messages, 'suffixes')).toEqual([]);
    },
  );

  it('of a message are forgotten once it is passed over, whatever became of it before', async () => {
    await using scripted = await ScriptedPubsub.start();
    const attempt = await new Attempt(await testDriver(scripted.config({ onPoison: 'skip' }))).open();
    let requests = 0;
    scripted.onPublish = () => {
      requests += 1;
      if (requests === 1) return { code: STATUS.RESOURCE_EXHAUSTED, details: 'not now' };
      return { code: STATUS.INVALID_ARGUMENT, details: 'it does not match the schema' };
    };
    attempt.publish(new EventMaker('app').batch(1));
    await attempt.listener.untilSettled(1);
    await attempt.listener.until('all is well', () => attempt.listener.isUp);
    expect(attempt.listener.states).toMatchObject([{ code: 'BROKER_REFUSED' }, undefined]);
    await attempt.publisher.checkHealth(signal);
    await attempt.publisher.close(1000);
  });

  it('for want of a topic that was just created do not keep it busy', async () => {
    await using scripted = await ScriptedPubsub.start();
    const log: DriverLog = { lines: [] };
    const { pubsub } = scripted.config().publisher;
    const config = scripted.config({ pubsub: { ...pubsub, createTopics: true } });
    const attempt = await new Attempt(await testDriver(config, log)).open();
    let requests = 0;
    scripted.onPublish = () => {
      requests += 1;
      return requests <= 6 ? { code: STATUS.NOT_FOUND, details: 'Resource not found' } : undefined;
    };
    const maker = new EventMaker('app');
    attempt.publish(maker.batch(10, () => ({ key: 'k' })));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    // The first time at once, then after back-offs of growing length.
    expect(attempt.listener.states.filter((state) => state?.code === 'BROKER_REFUSED')).toHaveLength(5);
    expect(attempt.listener.isUp).toBe(true);
    expect(scripted.created).toEqual(Array.from({ length: 6 }, () => 'app.public_items'));
    expect(log.lines.filter((line) => line.includes('created topic'))).toHaveLength(1);
    expect(deliveryFaults(attempt.sent, scripted.messages, 'none')).toEqual([]);
  });

  it('of an answer that acknowledges another number of messages count for nothing', async () => {
    await using scripted = await ScriptedPubsub.start();
    const attempt = await new Attempt(await testDriver(scripted.config())).open();
    scripted.answerTooFew = 1;
    attempt.publish(new EventMaker('app').batch(10, () => ({ key: 'k' })));
    await attempt.listener.untilSettled(10);
    await attempt.publisher.close(1000);
    expect(scripted.messages.length).toBeGreaterThan(10);
    expect(deliveryFaults(attempt.sent, scripted.messages)).toEqual([]);
  });

  it.each(['halt', 'deadLetter', 'skip'] as const)(
    'of a request with an invalid message find out which it is: %s',
    async (onPoison) => {
      await using scripted = await ScriptedPubsub.start();
      const attempt = await new Attempt(await testDriver(scripted.config({ onPoison }))).open();
      const bad = testEventId(24);
      scripted.onPublish = (messages) =>
        messages.some(({ id, topic }) => id === bad && topic === 'app.public_items')
          ? { code: STATUS.INVALID_ARGUMENT, details: 'it does not match the schema' }
          : undefined;
      attempt.publish(new EventMaker('app').batch(40, () => ({ key: 'k' })));
      if (onPoison === 'halt') {
        const error = await attempt.listener.untilFailed();
        expect(error).toMatchObject({ code: 'POISON', retriable: false });
        expect(error.message).toBe(
          'INSERT on public.items at LSN 0/1800 is refused as invalid: it does not match the schema',
        );
        expect(attempt.listener.seqs.size).toBe(23);
      } else {
        await attempt.listener.untilSettled(40);
        expect(attempt.listener.states).toEqual([]);
      }
      await attempt.publisher.close(1000);
      const stored = scripted.messages.filter((message) => message.topic === 'app.public_items');
      const letters = scripted.messages.filter((message) => message.topic === 'app.dead_letter');
      const expected = attempt.sent.filter(({ seq }) => (onPoison === 'halt' ? seq < 24 : seq !== 24));
      expect(deliveryFaults(expected, stored, 'none')).toEqual([]);
      expect(letters.map(({ id, orderingKey }) => [id, orderingKey])).toEqual(
        onPoison === 'deadLetter' ? [[bad, stored[0]?.orderingKey]] : [],
      );
      expect(letters[0]?.body ?? '').not.toContain('fill');
      if (onPoison === 'deadLetter') expect(letters[0]?.body).toContain('"reason":"it does not match the schema"');
    },
  );

  it('for want of permission are fatal and name project and role, after what is out was answered', async () => {
    await using scripted = await ScriptedPubsub.start();
    const attempt = await new Attempt(await testDriver(scripted.config())).open();
    scripted.onPublish = ([first]) =>
      first?.topic === 'app.public_secret'
        ? { code: STATUS.PERMISSION_DENIED, details: 'User not authorized' }
        : undefined;
    const maker = new EventMaker('app');
    attempt.publish([...maker.batch(5), maker.next({ table: 'secret' })]);
    const error = await attempt.listener.untilFailed();
    expect(error).toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    expect(error.message).toContain('"app.public_secret": permission denied in project "test-project"');
    expect(error.remedy).toContain('roles/pubsub.publisher');
    await attempt.publisher.close(0);
    expect(attempt.listener.seqs.size).toBe(5);
  });

  it('to show topics to an account that may only publish do not stop it', async () => {
    await using scripted = await ScriptedPubsub.start();
    const log = { lines: [] as string[] };
    scripted.onGetTopic = () => ({ code: STATUS.PERMISSION_DENIED, details: 'User not authorized' });
    const attempt = await new Attempt(await testDriver(scripted.config(), log)).open(signal, ['app.public_items']);
    attempt.publish(new EventMaker('app').batch(5));
    await attempt.listener.untilSettled(5);
    await attempt.publisher.checkHealth(signal);
    await attempt.publisher.close(1000);
    expect(log.lines.filter((line) => line.includes('pubsub.topics.get'))).toHaveLength(1);
  });

  it('to answer soon do not make overlapping health checks open a connection each', async () => {
    await using scripted = await ScriptedPubsub.start();
    await using proxy = await TcpProxy.start(scripted.port);
    const attempt = await new Attempt(await testDriver(scripted.config({ addresses: [proxy.address] }))).open();
    const before = proxy.accepted;
    await Promise.all([attempt.publisher.checkHealth(signal), attempt.publisher.checkHealth(signal)]);
    await attempt.publisher.checkHealth(signal);
    expect(proxy.accepted).toBe(before + 1);
    await attempt.publisher.close(1000);
  });

  it('of the credentials are fatal at start', async () => {
    await using scripted = await ScriptedPubsub.start();
    scripted.onCall = () => ({ code: STATUS.UNAUTHENTICATED, details: 'Request had invalid credentials' });
    const driver = await testDriver(scripted.config());
    await expect(new Attempt(driver).open()).rejects.toMatchObject({ code: 'BROKER_AUTH', retriable: false });
    expect(await driver.check(signal)).toMatchObject([{ severity: 'error', code: 'BROKER_AUTH' }]);
  });
});
