import { AppError, type Logger } from '#lib/kernel';

/** Routing keys beyond this are warned about together: names of tables are bounded, but not by us. */
const MAX_KEYS = 10_000;

/** A message that no queue is bound for. */
export function unroutableError(exchange: string, routingKey: string): AppError {
  return new AppError('BROKER_REFUSED', `no queue takes "${routingKey}" of exchange "${exchange}"`, {
    facts: { exchange, routingKey },
    remedy: 'Bind a queue for this routing key, or give the exchange an alternate exchange.',
  });
}

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
