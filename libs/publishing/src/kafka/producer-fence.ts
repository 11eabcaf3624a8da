import { AppError, type Clock, type Logger, sleep, toAppError } from '#lib/kernel';
import type { KafkaClient, ProducerIdentity } from './kafka-ports.js';
import { KAFKA_ERROR } from './protocol-errors.js';

const MAX_EPOCH = 0x7fff;
/** Where the cluster keeps transactional ids; made when the first is asked for. */
const TRANSACTION_TOPIC = '__transaction_state';
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53;
/** How long the cluster may take to make that topic. */
const COORDINATOR_DEADLINE_MS = 15_000;
const COORDINATOR_PAUSE_MS = 500;
/** Kafka forgets a transactional id that was not asked about for a week, and who held it before. */
const OLD_AFTER_MS = 24 * 60 * 60_000;

/** What one attempt leaves to the next, within a process. */
export interface FenceMemory {
  /** The producer id that the cluster gave for the transactional id: from then on nothing less will do. */
  namedId: bigint | undefined;
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
    return this.parts.memory.namedId !== undefined && this.parts.clock.now() - this.takenAtMs > OLD_AFTER_MS;
  }

  /**
   * A new identity, above all earlier ones.
   * @throws AppError
   */
  async raise(signal: AbortSignal): Promise<ProducerIdentity> {
    const named = await this.byName(signal);
    const identity = named === undefined ? await this.nameless(signal) : await this.adopt(named, signal);
    this.takenAtMs = this.parts.clock.now();
    return identity;
  }

  /** undefined where the cluster gives none by name: for this user, or because it keeps no transactional ids at all. */
  private async byName(signal: AbortSignal): Promise<ProducerIdentity | undefined> {
    const { client, transactionalId, memory, clock } = this.parts;
    // Who does without a name already need not wait again for the topic to be made.
    const patienceMs = memory.plain === undefined ? COORDINATOR_DEADLINE_MS : 0;
    const deadline = clock.now() + patienceMs;
    for (;;) {
      try {
        return await client.producerIdentity(transactionalId);
      } catch (thrown) {
        const error = toAppError(thrown);
        const isForbidden = error.facts.kafkaErrorCode === TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        const isMissing = error.facts.kafkaErrorCode === KAFKA_ERROR.coordinatorNotAvailable;
        if (memory.namedId !== undefined || signal.aborted || !(isForbidden || isMissing)) throw error;
        if (isForbidden || clock.now() >= deadline) {
          if (isMissing) await this.requireNoCoordinators(error);
          this.warnOnce(error);
          return undefined;
        }
      }
      await sleep(COORDINATOR_PAUSE_MS, signal, clock);
    }
  }

  /**
   * A coordinator that is only away comes back, and may have given the name to another process before: to do without it
   * would leave two writers, neither of which shuts the other out.
   */
  private async requireNoCoordinators(error: AppError): Promise<void> {
    if (await this.keepsNoIds()) return;
    throw new AppError('BROKER_REFUSED', error.message, {
      cause: error,
      facts: error.facts,
      remedy:
        `Retried for ever; look at the leaders and in-sync replicas of the topic ${TRANSACTION_TOPIC}. Where the cluster ` +
        'has no such topic, grant the user Describe on it, so that this can be seen.',
    });
  }

  private async keepsNoIds(): Promise<boolean> {
    try {
      const layouts = await this.parts.client.layout([TRANSACTION_TOPIC]);
      return layouts.get(TRANSACTION_TOPIC) === undefined;
    } catch {
      // Why the cluster cannot be asked says less than why it gives no id.
      return false;
    }
  }

  private async adopt(identity: ProducerIdentity, signal: AbortSignal): Promise<ProducerIdentity> {
    const { memory } = this.parts;
    // It shuts out only its own earlier epochs; when these are used up the name gets another id.
    const isOther = memory.plain !== undefined || (memory.namedId ?? identity.id) !== identity.id;
    if (isOther) await this.outlast(signal);
    memory.plain = undefined;
    memory.namedId = identity.id;
    return identity;
  }

  private warnOnce(error: AppError): void {
    const { logger, transactionalId, memory, ackTimeoutMs } = this.parts;
    if (memory.plain !== undefined) return;
    logger.warn(
      `Kafka gives no producer id for the transactional id "${transactionalId}" (${error.message}): what an earlier ` +
        `process may still have on its way is waited for instead, ${Math.ceil(ackTimeoutMs / 1000)} s at each start, ` +
        'and one that stands still cannot be shut out. Grant the user Write and Describe on the transactional id ' +
        `(kafka-acls.sh --add --allow-principal User:… --operation Write --operation Describe --transactional-id '${transactionalId}'), ` +
        `and give the cluster a ${TRANSACTION_TOPIC} topic that it can create (transaction.state.log.replication.factor).`,
      { transactionalId },
    );
  }

  private async nameless(signal: AbortSignal): Promise<ProducerIdentity> {
    const { client, memory } = this.parts;
    if (memory.plain !== undefined && memory.plain.epoch < MAX_EPOCH) {
      memory.plain = { id: memory.plain.id, epoch: memory.plain.epoch + 1 };
      return memory.plain;
    }
    const identity = await client.producerIdentity(undefined);
    await this.outlast(signal);
    memory.plain = identity;
    return identity;
  }

  /** Nothing ties a new id to an earlier one: what that one has on its way lands within its time limit, or never. */
  private async outlast(signal: AbortSignal): Promise<void> {
    await sleep(this.parts.ackTimeoutMs, signal, this.parts.clock);
    if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', 'waiting for earlier messages was aborted');
  }
}
