import type { LogFields, Logger } from '#lib/kernel';

/** Beyond so many different lines they are forgotten, and may come once more. */
const MAX_LINES = 1_000;

/**
 * Says the same thing once: what a broker is like is found out anew by every attempt, and by a standby every second.
 * Repeats are written at level debug. To be made once per driver.
 */
export function onceLogger(logger: Logger): Logger {
  const said = new Set<string>();
  const isNew = (message: string): boolean => {
    if (said.has(message)) return false;
    if (said.size >= MAX_LINES) said.clear();
    said.add(message);
    return true;
  };
  return {
    debug: (message: string, fields?: LogFields) => logger.debug(message, fields),
    info: (message: string, fields?: LogFields) => logger[isNew(message) ? 'info' : 'debug'](message, fields),
    warn: (message: string, fields?: LogFields) => logger[isNew(message) ? 'warn' : 'debug'](message, fields),
    error: (message: string, fields?: LogFields) => logger.error(message, fields),
  };
}
