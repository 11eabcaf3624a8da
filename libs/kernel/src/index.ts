export { aborted, deferred, sleep, withTimeout, type Deferred } from './abort.js';
export { AppError, toAppError, type AppErrorOptions, type ErrorFacts } from './app-error.js';
export { Backoff } from './backoff.js';
export { systemClock, type CancelTimer, type Clock } from './clock.js';
export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry } from './error-codes.js';
export { compileGoRegexp, regexpKey, replaceAllGo } from './go-regexp.js';
export { silentLogger, type LogFields, type Logger } from './logger.js';
export { noMetrics, type Metrics } from './metrics.js';
export { CLOCK, LOGGER, METRICS } from './tokens.js';
