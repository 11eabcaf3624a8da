import type { PublisherConfig } from '#lib/config';
import { AppError, type Clock, sleep, systemClock } from '#lib/kernel';
import type {
  BatchOutcome,
  KafkaClient,
  KafkaClientListener,
  NewTopic,
  PartitionBatch,
  ProducerIdentity,
  TopicLayout,
  TopicSettings,
} from '../kafka-ports.js';
import type { BrokerSession } from './broker-session.js';
import {
  askMetadata,
  askTopicNames,
  createMissingTopics,
  describeTopics,
  findCoordinator,
  initProducerId,
  isCoordinatorBusy,
  layoutsOf,
} from './cluster-calls.js';
import type { ConnectContext } from './connect-context.js';
import { type BrokerAddress, parseAddress } from './connect-options.js';
import { abortable, ControlLink } from './control-link.js';
import { loadKafkajs, type Metadata } from './kafkajs-internals.js';
import { openSession } from './open-connection.js';
import { ProduceLink } from './produce-link.js';

export interface KafkaClientOptions {
  readonly publisher: Pick<PublisherConfig, 'addresses' | 'tls' | 'username' | 'password' | 'saslMechanism'>;
  /** Names us in the broker's logs, metrics and quotas; default `wal-listener`. */
  readonly clientId?: string;
  readonly listener?: KafkaClientListener;
  readonly clock?: Clock;
  /** For one broker: TCP, TLS and authentication; default 5 s. */
  readonly connectTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A transaction coordinator that is just being found or made is asked again. */
const COORDINATOR_PATIENCE_MS = 5_000;
const COORDINATOR_PAUSE_MS = 100;

/**
 * A client that is not connected yet. Loads kafkajs.
 * @throws AppError BROKER_CONFIG for another version of kafkajs, or an address that cannot be read
 */
export function createKafkaClient(options: KafkaClientOptions): KafkaClient {
  return new ClusterClient(options);
}

class ClusterClient implements KafkaClient {
  private readonly context: ConnectContext;
  private readonly listener: KafkaClientListener | undefined;
  private readonly control: ControlLink;
  private readonly links = new Map<number, ProduceLink>();
  private nodes: ReadonlyMap<number, BrokerAddress> = new Map();
  private readonly closing = new AbortController();

  constructor(options: KafkaClientOptions) {
    const {
      publisher,
      clientId = 'wal-listener',
      clock = systemClock,
      connectTimeoutMs = CONNECT_TIMEOUT_MS,
    } = options;
    this.context = { publisher, kafkajs: loadKafkajs(), clientId, clock, connectTimeoutMs };
    this.listener = options.listener;
    const seeds = publisher.addresses.map(parseAddress);
    this.control = new ControlLink(this.context, () => [...seeds, ...this.nodes.values()]);
  }

  async connect(signal: AbortSignal): Promise<void> {
    await this.metadata([], signal);
  }

  changeBroker(): void {
    this.control.leave();
  }

  async layout(topics: readonly string[]): Promise<ReadonlyMap<string, TopicLayout | undefined>> {
    return layoutsOf(await this.metadata(topics, this.closing.signal));
  }

  async topicNames(): Promise<readonly string[]> {
    return askTopicNames(await this.control.session(this.closing.signal));
  }

  async producerIdentity(transactionalId: string | undefined): Promise<ProducerIdentity> {
    const deadlineMs = this.context.clock.now() + COORDINATOR_PATIENCE_MS;
    for (;;) {
      try {
        return await this.askIdentity(transactionalId);
      } catch (error) {
        if (!isCoordinatorBusy(error) || this.context.clock.now() > deadlineMs) throw error;
      }
      await sleep(COORDINATOR_PAUSE_MS, this.closing.signal, this.context.clock);
    }
  }

  produce(nodeId: number, batches: readonly PartitionBatch[], timeoutMs: number): Promise<readonly BatchOutcome[]> {
    if (this.closing.signal.aborted) return Promise.reject(closed());
    let link = this.links.get(nodeId);
    if (link === undefined) {
      link = new ProduceLink({
        produceApiKey: this.context.kafkajs.apiKeys.Produce,
        open: (onLost) => this.openNode(nodeId, onLost),
        lost: (error) => this.listener?.onLost(nodeId, error),
      });
      this.links.set(nodeId, link);
    }
    return link.produce(batches, timeoutMs);
  }

  async topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, TopicSettings>> {
    return describeTopics(await this.control.session(this.closing.signal), topics);
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    const { controllerId } = await this.metadata([], this.closing.signal);
    const address = this.nodes.get(controllerId);
    // Without ZooKeeper every broker passes it on to the controller.
    if (address === undefined) return createMissingTopics(await this.control.session(this.closing.signal), topics);
    return this.withBroker(address, (session) => createMissingTopics(session, topics));
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.metadata([], signal);
  }

  close(): void {
    this.closing.abort();
    const error = closed();
    this.control.close(error);
    for (const link of this.links.values()) link.close(error);
  }

  private async metadata(topics: readonly string[], signal: AbortSignal): Promise<Metadata> {
    const session = await this.control.session(signal);
    const metadata = await abortable(askMetadata(session, topics), signal);
    this.nodes = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    return metadata;
  }

  private async askIdentity(transactionalId: string | undefined): Promise<ProducerIdentity> {
    const session = await this.control.session(this.closing.signal);
    if (transactionalId === undefined) return initProducerId(session, undefined);
    const coordinator = await findCoordinator(session, transactionalId);
    return this.withBroker(coordinator, (own) => initProducerId(own, transactionalId));
  }

  private async openNode(
    nodeId: number,
    onLost: (error: AppError, outstanding: number) => void,
  ): Promise<BrokerSession> {
    const address = this.nodes.get(nodeId);
    if (address === undefined) {
      throw new AppError('BROKER_UNREACHABLE', `the Kafka cluster has no node ${String(nodeId)} now`);
    }
    return openSession(this.context, address, this.closing.signal, onLost);
  }

  /** Rare requests that one certain broker must answer get a connection of their own. */
  private async withBroker<T>(address: BrokerAddress, work: (session: BrokerSession) => Promise<T>): Promise<T> {
    const session = await openSession(this.context, address, this.closing.signal);
    const onClose = () => session.connection.destroy(closed());
    this.closing.signal.addEventListener('abort', onClose, { once: true });
    try {
      return await work(session);
    } finally {
      this.closing.signal.removeEventListener('abort', onClose);
      session.connection.destroy(closed());
    }
  }
}

function closed(): AppError {
  return new AppError('BROKER_UNREACHABLE', 'the Kafka client was closed');
}
