import type { AppError, Logger } from '#lib/kernel';

/** Routing keys beyond this are warned about together: names of tables are bounded, but not by us. */
const MAX_KEYS = 10_000;

/** Warns once per routing key that messages went nowhere. */
export class UnroutableLog {
  private readonly seen = new Set<string>();

  constructor(
    private readonly logger: Logger,
    private readonly exchange: string,
  ) {}

  warn(routingKey: string, error: AppError): void {
    if (this.seen.has(routingKey) || this.seen.size > MAX_KEYS) return;
    this.seen.add(routingKey);
    if (this.seen.size > MAX_KEYS) {
      this.logger.warn(`more than ${MAX_KEYS} routing keys of exchange "${this.exchange}" have no queue`);
      return;
    }
    this.logger.warn(`passed over (publisher.unroutable: warn): ${error.message}`, {
      ...error.facts,
      remedy: error.remedy,
    });
  }
}
