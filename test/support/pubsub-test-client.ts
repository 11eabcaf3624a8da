import { v1 } from '@google-cloud/pubsub';
import { googleAuthLibrary, grpc } from 'google-gax';

/** The project that the tests' topics are in; the emulator takes any. */
export const PUBSUB_PROJECT = 'test-project';

/** A message as a pull subscriber finds it. */
export interface PulledMessage {
  readonly topic: string;
  /** Counts up over all topics of an emulator, in the order in which it stored the messages. */
  readonly messageId: number;
  readonly orderingKey: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly body: string;
  readonly publishTimeMs: number;
}

const CODE_ALREADY_EXISTS = 6;
const MAX_PULLED = 1000;

/** A client of the tests' own, straight to an emulator: creates topics and subscriptions, pulls what they hold. */
export class PubsubTestClient implements AsyncDisposable {
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  /** Topics that got a subscription through this client. */
  readonly subscribed = new Set<string>();

  /** @param address `host:port` */
  constructor(
    address: string,
    readonly project = PUBSUB_PROJECT,
  ) {
    const [host = '', port = ''] = address.split(':');
    // Without an auth of its own the client would look for Google's metadata server.
    const auth = new googleAuthLibrary.GoogleAuth({ authClient: new googleAuthLibrary.PassThroughClient() });
    const sslCreds = grpc.credentials.createInsecure();
    const options = { servicePath: host, port: Number(port), sslCreds, auth };
    this.publisher = new v1.PublisherClient(options);
    this.subscriber = new v1.SubscriberClient(options);
  }

  /** `projects/…/topics/…` */
  topicPath(topic: string): string {
    return `projects/${this.project}/topics/${topic}`;
  }

  /** Creates the topic unless it exists. */
  async createTopic(topic: string): Promise<void> {
    await unlessItExists(this.publisher.createTopic({ name: this.topicPath(topic) }));
  }

  /** Publishes a message to the topic, which is created when it does not exist. */
  async publish(topic: string, body: string): Promise<void> {
    await this.createTopic(topic);
    await this.publisher.publish({ topic: this.topicPath(topic), messages: [{ data: Buffer.from(body) }] });
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.publisher.deleteTopic({ topic: this.topicPath(topic) });
  }

  /** The topic ids of the project. */
  async topics(): Promise<readonly string[]> {
    const [topics] = await this.publisher.listTopics({ project: `projects/${this.project}` });
    return topics.map((topic) => (topic.name ?? '').split('/').at(-1) ?? '');
  }

  /** Creates the topic's subscription of the same id, unless it exists: it gets what is published from now on. */
  async subscribe(topic: string, ordering = true): Promise<void> {
    this.subscribed.add(topic);
    await unlessItExists(
      this.subscriber.createSubscription({
        name: this.subscriptionPath(topic),
        topic: this.topicPath(topic),
        enableMessageOrdering: ordering,
        ackDeadlineSeconds: 60,
      }),
    );
  }

  /** A topic with a subscription: nothing that is published to it is lost. */
  async createSubscribed(topic: string, ordering = true): Promise<void> {
    await this.createTopic(topic);
    await this.subscribe(topic, ordering);
  }

  /** Deletes the topic's subscription with what it holds. */
  async unsubscribe(topic: string): Promise<void> {
    await this.subscriber.deleteSubscription({ subscription: this.subscriptionPath(topic) });
  }

  /** At most 1000 messages of the topic's subscription, acknowledged, in the order of their delivery; none = drained. */
  async pull(topic: string): Promise<readonly PulledMessage[]> {
    const subscription = this.subscriptionPath(topic);
    const [response] = await this.subscriber.pull({ subscription, maxMessages: MAX_PULLED, returnImmediately: true });
    const received = response.receivedMessages ?? [];
    const ackIds = received.map((one) => one.ackId ?? '');
    if (ackIds.length > 0) await this.subscriber.acknowledge({ subscription, ackIds });
    return received.map(({ message }) => ({
      topic,
      messageId: Number(message?.messageId ?? 0),
      orderingKey: message?.orderingKey ?? '',
      attributes: { ...message?.attributes },
      body: Buffer.from(message?.data ?? '').toString('utf8'),
      publishTimeMs: Number(message?.publishTime?.seconds ?? 0) * 1000 + (message?.publishTime?.nanos ?? 0) / 1_000_000,
    }));
  }

  /** Everything the topic's subscription holds now, acknowledged, in the order of its delivery. */
  async pullAll(topic: string): Promise<readonly PulledMessage[]> {
    const all: PulledMessage[] = [];
    for (;;) {
      const some = await this.pull(topic);
      if (some.length === 0) return all;
      all.push(...some);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.publisher.close(), this.subscriber.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private subscriptionPath(topic: string): string {
    return `projects/${this.project}/subscriptions/${topic}`;
  }
}

async function unlessItExists(creating: Promise<unknown>): Promise<void> {
  try {
    await creating;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === CODE_ALREADY_EXISTS)) throw error;
  }
}
