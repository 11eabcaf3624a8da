/** Facts that go with a log line; values must be printable and must never be row data or secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What the libraries log to. Levels: `debug` per-event and per-query detail, `info` one line per state change,
 * `warn` something a person should look at, `error` something failed.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger that drops everything; for tests and tools. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
