import type { LoggerService } from '@nestjs/common';
import type { Logger } from '#lib/kernel';

/** Nest's own messages through our logger; its start-up chatter is debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.logger.debug(String(message), fields(context));
  }

  verbose(message: unknown, ...context: unknown[]): void {
    this.logger.debug(String(message), fields(context));
  }

  debug(message: unknown, ...context: unknown[]): void {
    this.logger.debug(String(message), fields(context));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.logger.warn(String(message), fields(context));
  }

  error(message: unknown, ...context: unknown[]): void {
    this.logger.error(String(message), fields(context));
  }
}

function fields(context: readonly unknown[]): Record<string, unknown> {
  const parts = context.filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { nest: parts.map(String).join(' ') };
}
