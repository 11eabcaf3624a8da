import { AppError, type Logger, toAppError } from '#lib/kernel';
import type { Lane } from './bucket-lanes.js';
import type { PubsubLink } from './pubsub-link.js';
import { createTopic } from './topic-setup.js';

export interface TopicCreatorHooks {
  /** The topic is there now; its lanes may send. */
  created(lanes: readonly Lane[]): void;
  /** It could not be created, or is said to be there and yet was not found. */
  failed(lanes: readonly Lane[], error: AppError): void;
}

/** Creates topics that turn up while the service runs, each by one request at a time. */
export class TopicCreator {
  /** Topics that are being created, with the lanes that wait for them. */
  private readonly waiting = new Map<string, Lane[]>();
  private readonly created = new Set<string>();

  constructor(
    private readonly logger: Logger,
    private readonly hooks: TopicCreatorHooks,
  ) {}

  /** Creates the lane's topic; of its lanes the first asks. Never rejects. */
  async create(link: Pick<PubsubLink, 'createTopic'>, lane: Lane): Promise<void> {
    const { topic } = lane;
    const others = this.waiting.get(topic);
    if (others !== undefined) {
      others.push(lane);
      return;
    }
    const lanes = [lane];
    this.waiting.set(topic, lanes);
    try {
      const isNew = await createTopic(link, topic, this.logger);
      this.waiting.delete(topic);
      // A topic that has to be created twice would keep us busy without a pause.
      if (isNew && !this.created.has(topic)) {
        this.created.add(topic);
        this.hooks.created(lanes);
      } else {
        this.hooks.failed(lanes, notYetFound(topic));
      }
    } catch (thrown) {
      this.waiting.delete(topic);
      this.hooks.failed(lanes, toAppError(thrown));
    }
  }
}

/** Pub/Sub takes a while to let everybody know of a topic. */
function notYetFound(topic: string): AppError {
  return new AppError('BROKER_REFUSED', `topic "${topic}" was created and is not found yet`);
}
