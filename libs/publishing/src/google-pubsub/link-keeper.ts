import { Backoff, type Clock, sleep, toAppError, type AppError } from '#lib/kernel';
import type { PubsubMemory } from './fence.js';
import { type LinkSettings, PubsubLink } from './pubsub-link.js';

const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5000;

export interface LinkKeeperHooks {
  /** A new link is there, and Pub/Sub answered over it. */
  connected(link: PubsubLink): void;
  /** A link could not be made; it is tried again. */
  trouble(error: AppError): void;
  /** It never will be. */
  failed(error: AppError): void;
}

/** Keeps one link: gives up one that failed and makes another, for ever, with back-off. */
export class LinkKeeper {
  private readonly backoff = new Backoff(MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  private current: PubsubLink | undefined;
  private connecting = false;

  constructor(
    private readonly settings: LinkSettings,
    private readonly clock: Clock,
    private readonly memory: Pick<PubsubMemory, 'admitted'>,
    private readonly hooks: LinkKeeperHooks,
    private readonly signal: AbortSignal,
  ) {}

  get link(): PubsubLink | undefined {
    return this.current;
  }

  /** The first link. @throws AppError BROKER_* */
  async open(signal: AbortSignal): Promise<PubsubLink> {
    this.drop();
    this.current = await this.make(AbortSignal.any([signal, this.signal]));
    return this.current;
  }

  /** Something was stored over the link: the next one that breaks is a new trouble. */
  succeeded(): void {
    this.backoff.reset();
  }

  /** Cuts the link; what is out on it ends as cancelled. */
  drop(): void {
    const link = this.current;
    this.current = undefined;
    link?.abandon();
  }

  /** Makes a link, at once or after a back-off. Never rejects. */
  async reconnect(atOnce: boolean): Promise<void> {
    if (this.connecting) return;
    this.connecting = true;
    let waits = !atOnce;
    while (!this.signal.aborted) {
      if (waits) await sleep(this.backoff.next(), this.signal, this.clock);
      waits = true;
      if (this.signal.aborted) break;
      try {
        const link = await this.make(this.signal);
        this.connecting = false;
        if (this.signal.aborted) {
          link.abandon();
          return;
        }
        this.current = link;
        this.hooks.connected(link);
        return;
      } catch (thrown) {
        const error = toAppError(thrown);
        if (this.signal.aborted) break;
        if (error.retriable) {
          this.hooks.trouble(error);
          continue;
        }
        this.connecting = false;
        this.hooks.failed(error);
        return;
      }
    }
    this.connecting = false;
  }

  private async make(signal: AbortSignal): Promise<PubsubLink> {
    const link = await PubsubLink.open(this.settings, signal, this.memory.admitted);
    this.memory.admitted = true;
    return link;
  }
}
