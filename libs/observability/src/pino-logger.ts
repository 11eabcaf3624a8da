import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger as Pino } from 'pino';
import type { LogFields, Logger } from '#lib/kernel';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fmt: 'json' | 'text';
  /** File descriptor: 1 = stdout, 2 = stderr. */
  readonly fd: 1 | 2;
}

/** A logger that writes one line each, synchronously, so that nothing is missing after an exit. */
export function createLogger(options: LogOptions): Logger {
  const sink = destination({ dest: options.fd, sync: true });
  const stream = options.fmt === 'json' ? sink : textLines(sink);
  const logger = pino(
    {
      level: options.level,
      base: undefined,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new PinoLogger(logger);
}

class PinoLogger implements Logger {
  constructor(private readonly pino: Pino) {}

  debug(message: string, fields: LogFields = {}): void {
    this.pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.pino.error(fields, message);
  }
}

/** `2026-01-01T00:00:00.000Z WARN message key=value`, for people. */
function textLines(sink: DestinationStream): DestinationStream {
  return {
    write(line: string) {
      const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${printable(value)}`);
      sink.write(`${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${pairs.join('')}\n`);
    },
  };
}

function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
