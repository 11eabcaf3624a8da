import { AppError } from '#lib/kernel';
import type { BatchOutcome, KafkaClient, PartitionBatch, ProducerIdentity } from '../kafka-ports.js';

/** What a batch says of itself. https://kafka.apache.org/documentation/#recordbatch */
function headOf(records: Buffer) {
  return {
    producerId: records.readBigInt64BE(43),
    epoch: records.readInt16BE(51),
    sequence: records.readInt32BE(53),
    count: records.readInt32BE(57),
    ids: [...records.toString('latin1').matchAll(/\{"id":"([^"]{36})"/g)].map((match) => match[1] ?? ''),
  };
}

export interface ScriptedRequest {
  readonly nodeId: number;
  readonly batches: readonly (PartitionBatch & ReturnType<typeof headOf>)[];
  /** Answers with these error codes, in the order of the batches; default 0. */
  answer(...errorCodes: number[]): void;
  /** Answers the only batch with this. */
  refuse(outcome: Partial<BatchOutcome>): void;
  lose(): void;
}

/** A cluster of two nodes whose answers the test gives. Every topic has four partitions. */
export class ScriptedClient implements KafkaClient {
  readonly requests: ScriptedRequest[] = [];
  identities = 0;
  brokerChanges = 0;
  maxMessageBytes = 100_000;
  named = true;
  /** So many questions for topics fail. */
  failingLayouts = 0;
  leaders: readonly number[] = [1, 2, 1, 2];
  private arrived: () => void = () => undefined;

  connect = () => Promise.resolve();
  ping = () => Promise.resolve();
  topicNames = () => Promise.resolve([]);
  createTopics = () => Promise.resolve();
  close = () => undefined;
  changeBroker = () => void (this.brokerChanges += 1);

  layout(topics: readonly string[]) {
    if (this.failingLayouts > 0) {
      this.failingLayouts -= 1;
      return Promise.reject(new AppError('BROKER_UNREACHABLE', 'no answer'));
    }
    const layout = (name: string) => ({ name, leaders: this.leaders, replicas: [3, 3, 3, 3] });
    return Promise.resolve(new Map(topics.map((name) => [name, layout(name)])));
  }

  topicSettings(topics: readonly string[]) {
    const settings = {
      maxMessageBytes: this.maxMessageBytes,
      minInsyncReplicas: 2,
      cleanupPolicy: 'delete',
      timestampType: 'CreateTime',
      uncleanLeaderElection: false,
    };
    return Promise.resolve(new Map(topics.map((name) => [name, settings])));
  }

  producerIdentity(transactionalId: string | undefined): Promise<ProducerIdentity> {
    if (transactionalId !== undefined && !this.named) {
      return Promise.reject(new AppError('BROKER_AUTH', 'not allowed', { facts: { kafkaErrorCode: 53 } }));
    }
    this.identities += 1;
    return Promise.resolve({ id: 7n, epoch: this.identities });
  }

  produce(nodeId: number, batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]> {
    return new Promise((resolve, reject) => {
      this.requests.push({
        nodeId,
        // The memory serves again after the answer.
        batches: batches.map((batch) => ({ ...batch, ...headOf(batch.records) })),
        answer: (...errorCodes) => {
          resolve(
            batches.map(({ topic, partition }, i) => ({
              topic,
              partition,
              errorCode: errorCodes[i] ?? 0,
              baseOffset: 0n,
            })),
          );
        },
        refuse: (outcome) => {
          resolve(
            batches.map(({ topic, partition }) => ({ topic, partition, errorCode: 0, baseOffset: -1n, ...outcome })),
          );
        },
        lose: () => reject(new AppError('BROKER_UNREACHABLE', 'the connection is lost')),
      });
      this.arrived();
    });
  }

  /** The request at this place, once it has come. */
  async request(index: number): Promise<ScriptedRequest> {
    for (;;) {
      const request = this.requests[index];
      if (request !== undefined) return request;
      await new Promise<void>((resolve) => (this.arrived = resolve));
    }
  }
}
