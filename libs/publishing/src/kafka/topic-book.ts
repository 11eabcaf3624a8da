import type { OutgoingEvent, Route } from '#lib/events';
import { AppError, type Logger } from '#lib/kernel';
import type { PublisherConfig } from '#lib/config';
import { partitionOf } from './codec/murmur2.js';
import type { KafkaClient, TopicLayout, TopicSettings } from './kafka-ports.js';
import { PartitionLane } from './partition-lane.js';
import { ensureTopics } from './topic-setup.js';
import { weaknesses } from './weaknesses.js';

/** The server's default of `max.message.bytes`, assumed where the settings may not be read. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** A topic that can be published to. */
export interface KnownTopic {
  readonly name: string;
  lanes: readonly PartitionLane[];
  /** `max.message.bytes`: a larger batch is refused. Infinity where it may not be read. */
  maxBatchBytes: number;
  /** Batches of several events are cut to this. */
  cutBytes: number;
}

/** The topics met so far, with their partitions and limits. */
export class TopicBook {
  private readonly topics = new Map<string, KnownTopic>();
  private readonly wanted = new Set<string>();
  /** Topics that are gone, though they were there before. */
  private readonly vanished = new Set<string>();
  private readonly weak = new Set<string>();
  private route: Route | undefined;
  private routeTopic: KnownTopic | undefined;
  private saidUnreadable = false;

  constructor(
    private readonly publisher: PublisherConfig,
    private readonly client: KafkaClient,
    private readonly logger: Logger,
  ) {}

  /** Whether a topic was asked for that is not known yet. */
  get isWanting(): boolean {
    return this.wanted.size > 0;
  }

  /** The topic of a route; undefined when it must be learned first, which it then is by the next `learn` or `refresh`. */
  topicOf(route: Route): KnownTopic | undefined {
    if (route === this.route) return this.routeTopic;
    const topic = this.find(route.topic);
    if (topic === undefined) return undefined;
    this.route = route;
    this.routeTopic = topic;
    return topic;
  }

  /** As `topicOf`, by name. */
  find(name: string): KnownTopic | undefined {
    const topic = this.topics.get(name);
    if (topic === undefined) this.wanted.add(name);
    return topic;
  }

  laneOf(topic: KnownTopic, event: OutgoingEvent): PartitionLane {
    const { lanes } = topic;
    const partition = partitionOf(event.keySlab, event.keyStart, event.keyEnd, lanes.length);
    return lanes[partition];
  }

  /** Every lane of every topic. */
  *lanes(): Iterable<PartitionLane> {
    for (const topic of this.topics.values()) yield* topic.lanes;
  }

  /**
   * Makes topics known: those given and those asked for in vain before.
   * @throws AppError naming all topics that do not exist, when they are not to be created
   */
  async learn(names: readonly string[], signal: AbortSignal): Promise<void> {
    const unknown = [...new Set([...names, ...this.wanted])].filter((name) => !this.topics.has(name));
    if (unknown.length > 0) {
      const layouts = await this.ensure(unknown, signal);
      const bare = layouts.find(({ leaders }) => leaders.length === 0);
      if (bare !== undefined) throw noLeader(bare.name, 0);
      // Known is a topic only with its limits.
      const settings = await this.settingsOf(layouts);
      for (const layout of layouts) this.adopt(layout);
      this.applySettings(layouts, settings);
    }
    this.wanted.clear();
  }

  /**
   * Takes over what the cluster says now of all known topics. Only while nothing is on the wire: a topic's number of
   * partitions may have changed, and with it every key's place. A topic that is gone is learned anew when it is met.
   * @throws AppError BROKER_REFUSED for a topic that is gone and wanted
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const names = [...this.topics.keys()];
    const layouts = await this.client.layout(names);
    for (const name of names) {
      const layout = layouts.get(name);
      if (layout === undefined) this.forget(name);
      else this.adopt(layout);
    }
    await this.learn([], signal);
  }

  /** @throws AppError BROKER_REFUSED while the cluster names no leader for the lane's partition */
  requireLeader({ topic, partition }: PartitionLane): void {
    const leader = this.topics.get(topic)?.lanes[partition]?.leader ?? 0;
    if (leader < 0) throw noLeader(topic, partition);
  }

  /** Whether a topic has more partitions than it had, as the cluster says now. */
  async hasGrown(): Promise<boolean> {
    const layouts = await this.client.layout([...this.topics.keys()]);
    return [...this.topics.values()].some(({ name, lanes }) => {
      const count = layouts.get(name)?.leaders.length ?? 0;
      return count > 0 && count !== lanes.length;
    });
  }

  /** Reads the limits of all known topics anew. */
  async refreshSettings(): Promise<void> {
    const layouts = await this.client.layout([...this.topics.keys()]);
    const known = [...layouts.values()].filter((layout) => layout !== undefined);
    this.applySettings(known, await this.settingsOf(known));
  }

  private async ensure(names: readonly string[], signal: AbortSignal): Promise<readonly TopicLayout[]> {
    try {
      return await ensureTopics(this.client, this.publisher, names, signal);
    } catch (error) {
      const gone = names.filter((name) => this.vanished.has(name));
      if (gone.length === 0 || !(error instanceof AppError) || error.code !== 'BROKER_CONFIG') throw error;
      // It may come back: somebody is about to make it anew, or a broker has only just started.
      const message = `topic ${gone.map((name) => `"${name}"`).join(', ')} does not exist any more`;
      throw new AppError('BROKER_REFUSED', message, { cause: error, remedy: error.remedy });
    }
  }

  private forget(name: string): void {
    this.topics.delete(name);
    this.vanished.add(name);
    this.route = undefined;
  }

  private adopt(layout: TopicLayout): void {
    const newLanes = () => layout.leaders.map((leader, partition) => new PartitionLane(layout.name, partition, leader));
    const topic = this.topics.get(layout.name);
    if (topic === undefined) {
      const { name } = layout;
      const limits = { maxBatchBytes: Number.POSITIVE_INFINITY, cutBytes: DEFAULT_MAX_MESSAGE_BYTES };
      this.topics.set(name, { name, lanes: newLanes(), ...limits });
    } else if (layout.leaders.length === 0 || topic.lanes.length === layout.leaders.length) {
      // One without a leader hinders only what is to be sent there.
      for (const lane of topic.lanes) lane.leader = layout.leaders[lane.partition] ?? -1;
    } else {
      this.logger.warn(
        `topic "${layout.name}" has ${layout.leaders.length} partitions now instead of ${topic.lanes.length}: ` +
          "keys move, and a key's newer events may lie in another partition than its older ones",
        { topic: layout.name },
      );
      topic.lanes = newLanes();
    }
  }

  private async settingsOf(layouts: readonly TopicLayout[]): Promise<ReadonlyMap<string, TopicSettings>> {
    const settings = await this.client.topicSettings(layouts.map(({ name }) => name));
    const unreadable = layouts.filter(({ name }) => !settings.has(name)).map(({ name }) => name);
    if (unreadable.length > 0 && !this.saidUnreadable) {
      this.saidUnreadable = true;
      this.logger.warn(
        `the settings of topic "${unreadable[0]}" may not be read: batches are cut to the default of ` +
          `max.message.bytes, ${DEFAULT_MAX_MESSAGE_BYTES}, and the server judges larger messages; grant the user DescribeConfigs on the topics`,
        { topics: unreadable.join(', ') },
      );
    }
    return settings;
  }

  private applySettings(layouts: readonly TopicLayout[], settings: ReadonlyMap<string, TopicSettings>): void {
    for (const layout of layouts) {
      const topic = this.topics.get(layout.name);
      const known = settings.get(layout.name);
      if (topic === undefined || known === undefined) continue;
      if (topic.maxBatchBytes !== known.maxMessageBytes) topic.cutBytes = known.maxMessageBytes;
      topic.maxBatchBytes = known.maxMessageBytes;
      this.warn(known, layout);
    }
  }

  /** Once per weakness: what holds for one topic mostly holds for all. */
  private warn(settings: TopicSettings, layout: TopicLayout): void {
    for (const { kind, message } of weaknesses(settings, layout)) {
      if (this.weak.has(kind)) continue;
      this.weak.add(kind);
      this.logger.warn(`${message} (said of the first such topic only)`, { topic: layout.name });
    }
  }
}

/** What hinders an event whose partition no broker leads. */
export function noLeader(topic: string, partition: number): AppError {
  return new AppError('BROKER_REFUSED', `partition ${partition} of topic "${topic}" has no leader`, {
    facts: { topic, partition },
    remedy: 'Retried for ever; bring back the brokers that hold its replicas.',
  });
}
