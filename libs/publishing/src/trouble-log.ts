import { troubleOf, type AppError, type Logger } from '#lib/kernel';

/** Beyond so many causes at once they are forgotten, and may be named once more. */
const MAX_CAUSES = 1_000;

/** What keeps a publisher from publishing, for people: one line per cause while the trouble lasts, not per attempt. */
export class TroubleLog {
  private readonly named = new Set<string>();

  constructor(private readonly logger: Logger) {}

  met(error: AppError): void {
    const cause = troubleOf(error);
    if (this.named.has(cause)) return;
    if (this.named.size >= MAX_CAUSES) this.named.clear();
    this.named.add(cause);
    const { code, message, facts, remedy } = error;
    this.logger.warn(`cannot publish for now: ${message}`, { code, ...facts, remedy });
  }

  /** @param message what there is to say of it */
  over(message: string): void {
    this.named.clear();
    this.logger.info(message);
  }
}
