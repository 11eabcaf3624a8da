export { createErrorReporter } from './create-error-reporter.js';
export { NestLogger } from './nest-logger.js';
export { ObservabilityModule } from './observability.module.js';
export { createLogger, type LogOptions } from './pino-logger.js';
export { createRedactor } from './redactor.js';
