import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { waitFor } from '../support/wait-for.js';
import { addressOf, NODE_ID, TestClient, topicOf } from './kafka-batches.js';
import { sharedKafka } from './kafka-harness.js';

// A broker that would make topics when it is asked about them.
const kafka = sharedKafka({ properties: ['auto.create.topics.enable=true'] });
const setUp = async () => topicOf(await kafka());

const isCode = (code: string) => expect.objectContaining({ name: 'AppError', code }) as Error;

describe('the identity of a producer', () => {
  it('is the same id with a higher epoch each time, by its transactional id', async () => {
    const { client: connect } = await setUp();
    using first = await connect();
    using second = await connect();
    const one = await first.client.producerIdentity('slot-a');
    const two = await second.client.producerIdentity('slot-a');
    const other = await second.client.producerIdentity('slot-b');
    expect(two).toEqual({ id: one.id, epoch: one.epoch + 1 });
    expect(other.id).not.toBe(one.id);
    expect((await first.client.producerIdentity(undefined)).id).not.toBe(one.id);
  });

  it('may write outside of transactions, and a partition that has seen a newer one refuses the older', async () => {
    const { client: connect, topic, values } = await setUp();
    using abandoned = await connect();
    using successor = await connect();
    const old = await abandoned.client.producerIdentity('slot-fence');
    expect(await abandoned.send(topic, old, 0, 'old 0')).toMatchObject({ errorCode: 0 });

    const current = await successor.client.producerIdentity('slot-fence');
    // The partition has not heard of it yet: only its first batch shuts the old one out.
    expect(await abandoned.send(topic, old, 1, 'old 1')).toMatchObject({ errorCode: 0 });
    expect(await successor.send(topic, current, 0, 'new 0')).toMatchObject({ errorCode: 0 });

    expect(await abandoned.send(topic, old, 2, 'old 2')).toMatchObject({ errorName: 'INVALID_PRODUCER_EPOCH' });
    expect(await successor.send(topic, current, 1, 'new 1')).toMatchObject({ errorCode: 0 });
    expect(await values()).toEqual(['old 0', 'old 1', 'new 0', 'new 1']);
  });
});

describe('the numbers of batches', () => {
  it('chain them: what follows a gap is refused, a repeat is stored once', async () => {
    const { client: connect, topic, values } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity('slot-chain');
    await own.send(topic, identity, 0, 'v0');
    const outcomes = await Promise.all([
      own.send(topic, identity, 1, 'v1'),
      own.send(topic, identity, 3, 'v3 before v2'),
      own.send(topic, identity, 1, 'v1'),
      own.send(topic, identity, 2, 'v2'),
    ]);
    expect(outcomes.map(({ errorName = 'stored', baseOffset }) => [errorName, baseOffset])).toEqual([
      ['stored', 1n],
      ['OUT_OF_ORDER_SEQUENCE_NUMBER', -1n],
      ['stored', 1n],
      ['stored', 2n],
    ]);
    expect(await values()).toEqual(['v0', 'v1', 'v2']);
  });

  it('begin at 0 for a new epoch, but anywhere where the producer is unknown', async () => {
    const { server, client: connect, topic } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity('slot-first');
    // This is why a second batch must not be sent before the first one is known to be stored.
    expect(await own.send(topic, identity, 5, 'a number out of nowhere')).toMatchObject({ errorCode: 0 });
    const next = await own.client.producerIdentity('slot-first');
    expect(await own.send(topic, next, 6, 'no')).toMatchObject({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
    expect(await own.send(topic, next, 0, 'yes')).toMatchObject({ errorCode: 0 });
    expect(await server.records(topic)).toHaveLength(2);
  });

  it('hold for a hundred requests that are under way at once', async () => {
    const { client: connect, topic, values } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity(undefined);
    const wanted = Array.from({ length: 100 }, (_, i) => `v${String(i)}`);
    // The connection is not even open when they are handed over.
    const outcomes = await Promise.all(wanted.map((value, i) => own.send(topic, identity, i, value)));
    expect(outcomes.map(({ baseOffset }) => Number(baseOffset))).toEqual(wanted.map((_, i) => i));
    expect(await values()).toEqual(wanted);
  });
});

describe('topics', () => {
  it('are found, with their partitions and settings, and never made by asking', async () => {
    const { server, client: connect } = await setUp();
    await server.createTopic('client.three', 3, { 'max.message.bytes': '2000', 'cleanup.policy': 'compact' });
    using own = await connect();
    const layout = await own.client.layout(['client.three', 'client.absent']);
    expect(layout.get('client.three')).toEqual({ name: 'client.three', leaders: [1, 1, 1], replicas: [1, 1, 1] });
    expect(layout.get('client.absent')).toBeUndefined();
    expect(await own.client.topicSettings(['client.three', 'client.absent'])).toEqual(
      new Map([
        [
          'client.three',
          {
            maxMessageBytes: 2000,
            minInsyncReplicas: 1,
            cleanupPolicy: 'compact',
            timestampType: 'CreateTime',
            uncleanLeaderElection: false,
          },
        ],
      ]),
    );
    // Were it being made, it would be there before one that is made later.
    await server.createTopic('client.later');
    const names = await waitFor(
      async () => {
        const all = await own.client.topicNames();
        return all.includes('client.later') && all;
      },
      { what: 'a topic to be seen' },
    );
    expect(names).toContain('client.three');
    expect(names).not.toContain('client.absent');
  });

  it("are made with the broker's numbers or ours, and may exist", async () => {
    const { client: connect } = await setUp();
    using own = await connect();
    const wanted = [
      { name: 'client.default', partitions: undefined, replicationFactor: undefined },
      { name: 'client.five', partitions: 5, replicationFactor: 1 },
    ];
    await own.client.createTopics(wanted);
    await own.client.createTopics(wanted);
    const sizes = await waitFor(
      async () => {
        const layout = await own.client.layout(['client.default', 'client.five']);
        const counts = wanted.map(({ name }) => layout.get(name)?.leaders.length);
        return counts.includes(undefined) ? undefined : counts;
      },
      { what: 'the topics' },
    );
    expect(sizes).toEqual([1, 5]);
  });

  it('that cannot be made are named', async () => {
    const { client: connect } = await setUp();
    using own = await connect();
    const topic = { name: 'client.impossible', partitions: 1, replicationFactor: 3 };
    await expect(own.client.createTopics([topic])).rejects.toMatchObject({
      code: 'BROKER_REFUSED',
      message: expect.stringMatching(/client\.impossible.*INVALID_REPLICATION_FACTOR/) as string,
    });
  });
});

describe('a connection', () => {
  it('is made to the first broker that answers', async () => {
    const { server } = await setUp();
    const nobody = `127.0.0.1:${String(await freePort())}`;
    using own = await new TestClient({ addresses: [nobody, server.address] }).connect();
    expect(await own.client.topicNames()).not.toEqual([]);
  });

  it('that nobody takes is given up soon, naming all who were asked', async () => {
    const nobodies = [`127.0.0.1:${String(await freePort())}`, `127.0.0.1:${String(await freePort())}`];
    using own = new TestClient({ addresses: nobodies });
    await expect(own.connect()).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringMatching(new RegExp(nobodies.join('.*'))) as string,
    });
  });

  it('to something that does not answer is given up too', async () => {
    const { server } = await setUp();
    server.proxy.stall();
    try {
      using own = new TestClient({ addresses: [server.proxy.address] }, { connectTimeoutMs: 300 });
      await expect(own.connect()).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    } finally {
      server.proxy.resume();
    }
  });

  it('to something that is no Kafka is given up', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    using own = new TestClient({ addresses: [addressOf(web)] });
    await expect(own.connect()).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    web.close();
  });

  it('in the making ends when it is no longer wanted', async () => {
    let open = 0;
    const mute = createServer((socket) => {
      open += 1;
      socket.resume().once('close', () => (open -= 1));
    }).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    using own = new TestClient({ addresses: [addressOf(mute)] }, { connectTimeoutMs: 3_600_000 });
    const wanted = new AbortController();
    const connecting = own.connect(wanted.signal);
    await waitFor(() => open === 1, { what: 'the connection' });
    wanted.abort();
    await expect(connecting).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    await waitFor(() => open === 0, { what: 'the end of the connection', deadlineMs: 5_000 });
    mute.close();
  });

  it('that is lost rejects what is under way after telling so; the next request makes another', async () => {
    const { proxy, client: connect, topic, values } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity('slot-cut');
    await own.send(topic, identity, 0, 'v0');
    proxy.stall();
    const order: string[] = [];
    const sent = [1, 2].map((n) =>
      own.send(topic, identity, n, `v${String(n)}`).catch((error: unknown) => {
        order.push(own.lost.length === 1 ? 'rejected after the loss was told' : 'rejected too early');
        throw error;
      }),
    );
    proxy.cut();
    proxy.resume();
    const ends = await Promise.allSettled(sent);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(order).toEqual(['rejected after the loss was told', 'rejected after the loss was told']);
    expect(own.lost).toEqual([{ nodeId: NODE_ID, error: isCode('BROKER_UNREACHABLE') }]);

    const again = await Promise.all([own.send(topic, identity, 1, 'v1'), own.send(topic, identity, 2, 'v2')]);
    expect(again.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
    expect(await values()).toEqual(['v0', 'v1', 'v2']);
  });

  it('that stands still is noticed, by the one for records and the one for the rest', async () => {
    const { proxy, client: connect, topic } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity(undefined);
    await own.send(topic, identity, 0, 'v0');
    proxy.stall();
    try {
      const sent = own.send(topic, identity, 1, 'v1', 100);
      const asked = own.client.ping(new AbortController().signal);
      await expect(sent).rejects.toThrow(isCode('BROKER_TIMEOUT'));
      await expect(asked).rejects.toThrow(isCode('BROKER_TIMEOUT'));
      expect(own.lost).toHaveLength(1);
    } finally {
      proxy.cut();
      proxy.resume();
    }
    await own.client.ping(new AbortController().signal);
  });

  it('that a stopped server leaves is made anew when it is back', async () => {
    const { server, client: connect, topic, values } = await setUp();
    using own = await connect();
    const identity = await own.client.producerIdentity('slot-restart');
    await own.send(topic, identity, 0, 'v0');
    await server.kill();
    await expect(own.client.ping(new AbortController().signal)).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    await expect(own.send(topic, identity, 1, 'v1')).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    await server.start();
    // The same number until it is taken: stored once, however often it is sent.
    const stored = async () => (await own.send(topic, identity, 1, 'v1')).errorCode === 0;
    await waitFor(stored, { what: 'the server to lead the partition again', deadlineMs: 40_000 });
    await own.client.ping(new AbortController().signal);
    expect(await values()).toEqual(['v0', 'v1']);
  });
});

describe('closing', () => {
  it('rejects all that is under way and leaves no socket and no timer', async () => {
    const { proxy, client: connect, topic } = await setUp();
    const resources = () => process.getActiveResourcesInfo().filter((name) => /TCPSocket|Timeout/.test(name)).length;
    const own = await connect();
    const identity = await own.client.producerIdentity(undefined);
    await own.send(topic, identity, 0, 'v0');
    proxy.stall();
    const whileOpen = resources();
    const waiting = [
      own.send(topic, identity, 1, 'v1'),
      own.client.ping(new AbortController().signal),
      own.client.layout([topic]),
      own.client.producerIdentity('slot-closing'),
      own.client.createTopics([{ name: 'client.never', partitions: 1, replicationFactor: 1 }]),
    ];
    own.client.close();
    const ends = await Promise.allSettled(waiting);
    expect(ends.map((end) => (end.status === 'rejected' ? (end.reason as Error) : 'fulfilled'))).toEqual(
      waiting.map(() => isCode('BROKER_UNREACHABLE')),
    );
    await expect(own.send(topic, identity, 2, 'v2')).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    await expect(own.connect()).rejects.toThrow(isCode('BROKER_UNREACHABLE'));
    expect(own.lost).toEqual([]);
    proxy.cut();
    proxy.resume();
    // Its two connections, and the proxy's four ends of them.
    await waitFor(() => resources() <= whileOpen - 6, { what: 'sockets and timers to be gone' });
  });
});
