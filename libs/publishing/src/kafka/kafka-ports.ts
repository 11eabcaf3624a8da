/** Who writes, as the broker sees it. Of two identities with one producer id the lower epoch is shut out. */
export interface ProducerIdentity {
  /** int64 */
  readonly id: bigint;
  /** int16 */
  readonly epoch: number;
}

/** One finished record batch (format v2) for one partition. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  /** Must not be changed until the request has been answered or has failed: it is written without a copy. */
  readonly records: Buffer;
}

/** What the broker says about one batch of a Produce request. */
export interface BatchOutcome {
  readonly topic: string;
  readonly partition: number;
  /** 0 = stored durably on all in-sync replicas. https://kafka.apache.org/protocol#protocol_error_codes */
  readonly errorCode: number;
  /** The code's name, for example `NOT_LEADER_FOR_PARTITION`; absent for 0. */
  readonly errorName?: string;
  /** The broker's own words, when it gives any. */
  readonly errorMessage?: string;
  /** The records (by their place in the batch) that are at fault, when the broker names them. */
  readonly recordErrors?: readonly { readonly index: number; readonly message?: string }[];
  /** Offset of the batch's first record; -1 when not stored, or stored before and no longer known. */
  readonly baseOffset: bigint;
}

export interface TopicLayout {
  readonly name: string;
  /** Node id of the leader by partition; -1 = none now. */
  readonly leaders: readonly number[];
  /** Number of replicas by partition. */
  readonly replicas: readonly number[];
}

export interface TopicSettings {
  /** `max.message.bytes`: the largest record batch, in bytes after compression, headers included. */
  readonly maxMessageBytes: number;
  /** `min.insync.replicas` */
  readonly minInsyncReplicas: number;
  /** `cleanup.policy`, for example `delete` or `compact,delete` */
  readonly cleanupPolicy: string;
  /** `message.timestamp.type`: CreateTime or LogAppendTime */
  readonly timestampType: string;
  /** `unclean.leader.election.enable` */
  readonly uncleanLeaderElection: boolean;
}

export interface NewTopic {
  readonly name: string;
  /** undefined = the broker's `num.partitions` */
  readonly partitions: number | undefined;
  /** undefined = the broker's `default.replication.factor` */
  readonly replicationFactor: number | undefined;
}

/**
 * The cluster as the publisher sees it. Nothing is retried here: each call makes one attempt, and fails with an AppError
 * (`BROKER_UNREACHABLE`, `BROKER_TIMEOUT`, `BROKER_REFUSED` are retriable, `BROKER_AUTH`, `BROKER_TLS`, `BROKER_CONFIG`
 * are not) within a bounded time. Topics are never created but by `createTopics`.
 */
export interface KafkaClient {
  /**
   * Connects to the first seed broker that answers and learns the cluster's nodes. Called again, it connects anew when the
   * control connection is lost, to the broker of the last one after all others. Credential and certificate files are read anew at each connection.
   */
  connect(signal: AbortSignal): Promise<void>;
  /** Gives the control connection up: the next is made to another broker, if one answers. */
  changeBroker(): void;
  /** Asks the cluster, over the control connection, for the topics' partitions. undefined = the topic does not exist. */
  layout(topics: readonly string[]): Promise<ReadonlyMap<string, TopicLayout | undefined>>;
  /** All topics that the user may see. */
  topicNames(): Promise<readonly string[]>;
  /**
   * A producer id from the broker. With a transactional id the same producer id comes each time with a higher epoch, and
   * a partition that has seen the higher epoch refuses every batch of a lower one (INVALID_PRODUCER_EPOCH).
   */
  producerIdentity(transactionalId: string | undefined): Promise<ProducerIdentity>;
  /**
   * One Produce request (acks=all) to a node that `layout` named, at most one batch per partition. Requests to a node are
   * written in call order on one connection, any number may be outstanding; the broker handles them in that order.
   * A node without a connection is connected to first (later calls queue behind). When the connection is lost or cannot be
   * made, `onLost` is called, then everything outstanding rejects; the next call makes a new connection. A connection on
   * which nothing is outstanding may end without a word: brokers close idle ones.
   *
   * What the broker's idempotence gives (a batch carries the identity and the number of its first record): within one
   * epoch a partition takes batches in the order of their numbers only, a gap is OUT_OF_ORDER_SEQUENCE_NUMBER, one of the
   * last five again is acknowledged without being stored anew. A higher epoch begins at 0, and shuts the lower one out of
   * those partitions that it has written to. But a partition that does not know the producer id (never seen, or idle for
   * producer.id.expiration.ms, a day by default) takes any first number: until a batch is acknowledged there, a second
   * one may be stored although the first is refused.
   *
   * Rejecting says nothing about whether the batches were or will be stored.
   *
   * @param timeoutMs how long the broker may wait for its replicas; the answer must come within that and 3 s, counted
   *   from when all earlier requests on the connection are answered (the broker handles one at a time), else the
   *   connection is given up (`BROKER_TIMEOUT`)
   */
  produce(nodeId: number, batches: readonly PartitionBatch[], timeoutMs: number): Promise<readonly BatchOutcome[]>;
  /** Settings of existing topics (DescribeConfigs). A topic whose settings may not be read is absent. */
  topicSettings(topics: readonly string[]): Promise<ReadonlyMap<string, TopicSettings>>;
  /** Creates topics; one that exists already is fine. @throws AppError naming the topic that could not be created */
  createTopics(topics: readonly NewTopic[]): Promise<void>;
  /** A sign of life over the control connection, which carries no Produce requests. */
  ping(signal: AbortSignal): Promise<void>;
  /** Destroys every connection at once; what is outstanding rejects. The client can not be used again. */
  close(): void;
}

export interface KafkaClientListener {
  /** The connection that carries Produce requests to a node is lost. Called before the outstanding requests reject. */
  onLost(nodeId: number, error: Error): void;
}
