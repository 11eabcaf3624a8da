import { describe, expect, it } from 'vitest';
import { AppError, type Clock, silentLogger } from '#lib/kernel';
import type { KafkaClient, ProducerIdentity, TopicLayout } from './kafka-ports.js';
import { type FenceMemory, ProducerFence } from './producer-fence.js';
import { KAFKA_ERROR } from './protocol-errors.js';

const FORBIDDEN = 53;
const ACK_TIMEOUT_MS = 60_000;

/** Time passes only by what is waited for. */
class PassingClock implements Clock {
  private timeMs = 0;
  now = () => this.timeMs;
  wallTime = () => this.timeMs;
  after(ms: number, callback: () => void) {
    const timer = setImmediate(() => {
      this.timeMs += ms;
      callback();
    });
    return () => clearImmediate(timer);
  }
}

function setUp() {
  const clock = new PassingClock();
  const memory: FenceMemory = { namedId: undefined, plain: undefined };
  const warnings: string[] = [];
  const cluster = {
    /** How a question by name is refused. */
    refusal: undefined as number | undefined,
    /** Of the name; a nameless one is another each time. */
    id: 1n,
    epoch: 0,
    nameless: 100n,
    transactionTopic: undefined as TopicLayout | undefined,
  };
  const client = {
    producerIdentity: (transactionalId: string | undefined): Promise<ProducerIdentity> => {
      if (transactionalId === undefined) return Promise.resolve({ id: cluster.nameless++, epoch: 0 });
      const { refusal, id } = cluster;
      if (refusal === undefined) return Promise.resolve({ id, epoch: cluster.epoch++ });
      return Promise.reject(new AppError('BROKER_REFUSED', 'refused', { facts: { kafkaErrorCode: refusal } }));
    },
    layout: (names: readonly string[]) =>
      Promise.resolve(new Map(names.map((name) => [name, cluster.transactionTopic]))),
  } as unknown as KafkaClient;
  const logger = { ...silentLogger, warn: (line: string) => void warnings.push(line) };
  const parts = { client, transactionalId: 'slot', memory, logger, clock, ackTimeoutMs: ACK_TIMEOUT_MS };
  const raise = async (fence = new ProducerFence(parts)) => {
    const begin = clock.now();
    const identity = await fence.raise(new AbortController().signal);
    return { ...identity, waitedMs: clock.now() - begin };
  };
  return { cluster, memory, warnings, raise };
}

describe('ProducerFence', () => {
  it('takes a higher epoch of the same id by name, without waiting', async () => {
    const { raise } = setUp();
    expect(await raise()).toEqual({ id: 1n, epoch: 0, waitedMs: 0 });
    expect(await raise()).toEqual({ id: 1n, epoch: 1, waitedMs: 0 });
  });

  it('waits out the earlier id when its epochs are used up', async () => {
    const { cluster, raise } = setUp();
    await raise();
    cluster.id = 2n;
    cluster.epoch = 0;
    expect(await raise()).toEqual({ id: 2n, epoch: 0, waitedMs: ACK_TIMEOUT_MS });
    expect(await raise()).toEqual({ id: 2n, epoch: 1, waitedMs: 0 });
  });

  it('does not do without a name while the coordinator is only away', async () => {
    const { cluster, memory, raise } = setUp();
    cluster.refusal = KAFKA_ERROR.coordinatorNotAvailable;
    cluster.transactionTopic = { name: '__transaction_state', leaders: [-1], replicas: [3] };
    await expect(raise()).rejects.toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    expect(memory).toEqual({ namedId: undefined, plain: undefined });
    cluster.refusal = undefined;
    expect(await raise()).toEqual({ id: 1n, epoch: 0, waitedMs: 0 });
  });

  it('does without a name where the cluster keeps none, once it had the time to begin', async () => {
    const { cluster, warnings, raise } = setUp();
    cluster.refusal = KAFKA_ERROR.coordinatorNotAvailable;
    expect(await raise()).toEqual({ id: 100n, epoch: 0, waitedMs: 15_000 + ACK_TIMEOUT_MS });
    expect(await raise()).toEqual({ id: 100n, epoch: 1, waitedMs: 0 });
    expect(warnings).toHaveLength(1);
  });

  it('returns to the name as soon as it is given, after what went out without one', async () => {
    const { cluster, memory, raise } = setUp();
    cluster.refusal = FORBIDDEN;
    expect(await raise()).toEqual({ id: 100n, epoch: 0, waitedMs: ACK_TIMEOUT_MS });
    cluster.refusal = undefined;
    expect(await raise()).toEqual({ id: 1n, epoch: 0, waitedMs: ACK_TIMEOUT_MS });
    expect(await raise()).toEqual({ id: 1n, epoch: 1, waitedMs: 0 });
    expect(memory.plain).toBeUndefined();
    cluster.refusal = FORBIDDEN;
    await expect(raise()).rejects.toMatchObject({ facts: { kafkaErrorCode: FORBIDDEN } });
  });
});
