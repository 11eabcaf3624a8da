import { AppError, type Clock, type Logger, sleep, toAppError } from '#lib/kernel';
import type { KafkaClient, ProducerIdentity } from './kafka-ports.js';
import { KAFKA_ERROR } from './protocol-errors.js';

const MAX_EPOCH = 0x7fff;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53;
/** How long the coordinator of transactional ids may be missing before the cluster counts as having none. */
const COORDINATOR_DEADLINE_MS = 15_000;
const COORDINATOR_PAUSE_MS = 500;
/** Kafka forgets a transactional id that was not asked about for a week, and who held it before. */
const OLD_AFTER_MS = 24 * 60 * 60_000;

/** What one attempt leaves to the next, within a process. */
export interface FenceMemory {
  /** The cluster gave an identity for the transactional id: from then on nothing less will do. */
  named: boolean;
  /** The producer id without a name, and its epoch, where the cluster gives no other. */
  plain: ProducerIdentity | undefined;
}

export interface FenceParts {
  readonly client: KafkaClient;
  readonly transactionalId: string;
  readonly memory: FenceMemory;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
}

/**
 * Gives the identity that shuts out every earlier one of the same slot: a partition that has seen the higher epoch
 * refuses the lower. Where the cluster gives no identity by name, the epoch of a nameless producer id is raised, which
 * fences within this process; what an earlier process left is waited out.
 * See KIP-98 (epochs), KIP-360 (raising the epoch of a nameless producer id).
 */
export class ProducerFence {
  private takenAtMs = 0;

  constructor(private readonly parts: FenceParts) {}

  /** Whether the identity should be renewed before the cluster forgets its name. */
  get isOld(): boolean {
    return this.parts.memory.named && this.parts.clock.now() - this.takenAtMs > OLD_AFTER_MS;
  }

  /**
   * A new identity, above all earlier ones.
   * @throws AppError
   */
  async raise(signal: AbortSignal): Promise<ProducerIdentity> {
    const identity = this.parts.memory.plain === undefined ? await this.byName(signal) : await this.nameless(signal);
    this.takenAtMs = this.parts.clock.now();
    return identity;
  }

  private async byName(signal: AbortSignal): Promise<ProducerIdentity> {
    const { client, transactionalId, memory, clock } = this.parts;
    const deadline = clock.now() + COORDINATOR_DEADLINE_MS;
    for (;;) {
      try {
        const identity = await client.producerIdentity(transactionalId);
        memory.named = true;
        return identity;
      } catch (thrown) {
        const error = toAppError(thrown);
        const isForbidden = error.facts.kafkaErrorCode === TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        const isMissing = error.facts.kafkaErrorCode === KAFKA_ERROR.coordinatorNotAvailable;
        if (memory.named || signal.aborted || !(isForbidden || isMissing)) throw error;
        if (isForbidden || clock.now() > deadline) return this.fallBack(error, signal);
      }
      await sleep(COORDINATOR_PAUSE_MS, signal, clock);
    }
  }

  private fallBack(error: AppError, signal: AbortSignal): Promise<ProducerIdentity> {
    const { logger, transactionalId, ackTimeoutMs } = this.parts;
    logger.warn(
      `Kafka gives no producer id for the transactional id "${transactionalId}" (${error.message}): what an earlier ` +
        `process may still have on its way is waited for instead, ${Math.ceil(ackTimeoutMs / 1000)} s at each start, ` +
        'and one that stands still cannot be shut out. Grant the user Write and Describe on the transactional id ' +
        `(kafka-acls.sh --add --allow-principal User:… --operation Write --operation Describe --transactional-id '${transactionalId}'), ` +
        'and give the cluster a __transaction_state topic that it can create (transaction.state.log.replication.factor).',
      { transactionalId },
    );
    return this.nameless(signal);
  }

  private async nameless(signal: AbortSignal): Promise<ProducerIdentity> {
    const { client, memory, clock, ackTimeoutMs } = this.parts;
    if (memory.plain !== undefined && memory.plain.epoch < MAX_EPOCH) {
      memory.plain = { id: memory.plain.id, epoch: memory.plain.epoch + 1 };
      return memory.plain;
    }
    const identity = await client.producerIdentity(undefined);
    // Nothing ties this id to an earlier one: what that one has on its way lands within its time limit, or never.
    await sleep(ackTimeoutMs, signal, clock);
    if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', 'waiting for earlier messages was aborted');
    memory.plain = identity;
    return identity;
  }
}
