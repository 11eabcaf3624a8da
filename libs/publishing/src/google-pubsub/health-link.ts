import { type LinkSettings, PubsubLink } from './pubsub-link.js';

/** A link of its own for health checks, made when it is first needed. */
export class HealthLink {
  private link: PubsubLink | undefined;
  private running: Promise<void> | undefined;
  private ended = false;

  constructor(
    private readonly settings: LinkSettings,
    private readonly stopping: AbortSignal,
  ) {}

  /** Asks Pub/Sub for a sign of life; a check during another one shares its outcome. @throws AppError BROKER_* */
  check(signal: AbortSignal): Promise<void> {
    this.running ??= this.run(signal).finally(() => (this.running = undefined));
    return this.running;
  }

  end(): void {
    this.ended = true;
    this.link?.abandon();
  }

  private async run(signal: AbortSignal): Promise<void> {
    try {
      if (this.link !== undefined) {
        await this.link.probe();
        return;
      }
      const link = await PubsubLink.open(this.settings, AbortSignal.any([signal, this.stopping]), true);
      if (this.ended) link.abandon();
      else this.link = link;
    } catch (error) {
      this.link?.abandon();
      this.link = undefined;
      throw error;
    }
  }
}
