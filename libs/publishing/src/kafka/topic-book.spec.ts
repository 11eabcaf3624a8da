import { describe, expect, it } from 'vitest';
import { silentLogger } from '#lib/kernel';
import type { PublisherConfig } from '#lib/config';
import { EventMaker } from '../testing/outgoing-events.js';
import { publisherTestConfig } from '../testing/publisher-config.js';
import type { KafkaClient, NewTopic, TopicLayout, TopicSettings } from './kafka-ports.js';
import { TopicBook } from './topic-book.js';

const SETTINGS: TopicSettings = {
  maxMessageBytes: 5000,
  minInsyncReplicas: 1,
  cleanupPolicy: 'delete',
  timestampType: 'CreateTime',
  uncleanLeaderElection: false,
};

/** A cluster as far as topics go. */
class Cluster {
  readonly layouts = new Map<string, TopicLayout>();
  readonly created: NewTopic[] = [];
  settings: TopicSettings | undefined = SETTINGS;

  readonly client = {
    layout: (names: readonly string[]) => Promise.resolve(new Map(names.map((name) => [name, this.layouts.get(name)]))),
    topicSettings: (names: readonly string[]) =>
      Promise.resolve(new Map(this.settings === undefined ? [] : names.map((name) => [name, this.settings]))),
    createTopics: (topics: readonly NewTopic[]) => {
      this.created.push(...topics);
      for (const { name, partitions } of topics) this.add(name, partitions ?? 1);
      return Promise.resolve();
    },
  } as unknown as KafkaClient;

  add(name: string, partitions: number, leader = 1): void {
    const each = <T>(value: T) => Array.from({ length: partitions }, () => value);
    this.layouts.set(name, { name, leaders: each(leader), replicas: each(3) });
  }
}

function setUp(kafka: Partial<PublisherConfig['kafka']> = {}) {
  const { publisher } = publisherTestConfig({ type: 'kafka' });
  const cluster = new Cluster();
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => void warnings.push(line) };
  const config = { ...publisher, addresses: ['k:9092'], kafka: { ...publisher.kafka, ...kafka } };
  return { cluster, warnings, book: new TopicBook(config, cluster.client, logger) };
}

const { signal } = new AbortController();

describe('TopicBook', () => {
  it('learns what was asked for in vain', async () => {
    const { cluster, book } = setUp();
    const event = new EventMaker('app').next();
    cluster.add('app.public_items', 4);
    expect(book.topicOf(event.route)).toBeUndefined();
    await book.learn([], signal);
    const topic = book.topicOf(event.route);
    expect(topic).toMatchObject({ maxBatchBytes: 5000, cutBytes: 5000 });
    expect(topic?.lanes).toHaveLength(4);
  });

  it('names all topics that are missing, with the commands', async () => {
    const { cluster, book } = setUp({ partitions: 3, replicationFactor: 2 });
    cluster.add('there', 1);
    await expect(book.learn(['a', 'there', 'b'], signal)).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining('"a", "b"') as unknown,
      remedy: expect.stringContaining(
        "kafka-topics.sh --bootstrap-server k:9092 --create --topic 'b' --partitions 3 --replication-factor 2",
      ) as unknown,
    });
    expect(cluster.created).toEqual([]);
  });

  it('creates only the missing ones, as configured', async () => {
    const { cluster, book } = setUp({ autoCreateTopics: true, partitions: 3 });
    cluster.add('there', 1);
    await book.learn(['a', 'there'], signal);
    expect(cluster.created).toEqual([{ name: 'a', partitions: 3, replicationFactor: undefined }]);
    expect(book.find('a')?.lanes).toHaveLength(3);
  });

  it('judges sizes not at all where the settings may not be read, and says so once', async () => {
    const { cluster, book, warnings } = setUp();
    cluster.settings = undefined;
    cluster.add('a', 1);
    cluster.add('b', 1);
    await book.learn(['a'], signal);
    await book.learn(['b'], signal);
    expect(book.find('a')).toMatchObject({ maxBatchBytes: Number.POSITIVE_INFINITY, cutBytes: 1_048_588 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('DescribeConfigs');
  });

  it('warns of each weakness once, not once per topic', async () => {
    const { cluster, book, warnings } = setUp();
    cluster.add('a', 1);
    cluster.add('b', 1);
    await book.learn(['a', 'b'], signal);
    expect(warnings.filter((line) => line.includes('min.insync.replicas=1'))).toHaveLength(1);
  });

  it('takes over lost leaders, new ones and new partitions', async () => {
    const { cluster, book } = setUp();
    cluster.add('a', 2);
    await book.learn(['a'], signal);
    cluster.add('a', 2, -1);
    await book.refresh(signal);
    const [lane] = [...book.lanes()];
    expect(lane?.leader).toBe(-1);
    expect(() => lane && book.requireLeader(lane)).toThrow('partition 0 of topic "a" has no leader');
    cluster.add('a', 0);
    expect(await book.hasGrown()).toBe(false);
    cluster.add('a', 2, 7);
    expect(await book.hasGrown()).toBe(false);
    await book.refresh(signal);
    expect(book.find('a')?.lanes.map(({ leader }) => leader)).toEqual([7, 7]);
    cluster.add('a', 5, 7);
    expect(await book.hasGrown()).toBe(true);
    await book.refresh(signal);
    expect(book.find('a')?.lanes).toHaveLength(5);
  });

  it('knows no topic whose limits it could not ask for', async () => {
    const { cluster, book } = setUp();
    cluster.add('a', 2);
    cluster.client.topicSettings = () => Promise.reject(new Error('the connection is lost'));
    await expect(book.learn(['a'], signal)).rejects.toThrow('lost');
    expect(book.find('a')).toBeUndefined();
  });

  it('forgets a topic that is gone, and waits for it when it is met again', async () => {
    const { cluster, book } = setUp();
    cluster.add('a', 2);
    await book.learn(['a'], signal);
    cluster.layouts.clear();
    await book.refresh(signal);
    expect(book.find('a')).toBeUndefined();
    await expect(book.learn([], signal)).rejects.toMatchObject({ code: 'BROKER_REFUSED', retriable: true });
    cluster.add('a', 3);
    await book.learn([], signal);
    expect(book.find('a')?.lanes).toHaveLength(3);
  });
});
