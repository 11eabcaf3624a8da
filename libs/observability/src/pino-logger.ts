import { pino, stdTimeFunctions, type DestinationStream, type Logger as Pino } from 'pino';
import type { LogFields, Logger } from '#lib/kernel';
import { openSink } from './log-sink.js';
import { printableFields } from './printable-fields.js';
import { createRedactor, type Redact } from './redactor.js';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fmt: 'json' | 'text';
  /** File descriptor: 1 = stdout, 2 = stderr. */
  readonly fd: 1 | 2;
  /** Texts that are masked wherever they turn up. */
  readonly secrets: readonly string[];
}

/** A logger that writes one line each, synchronously, so that nothing is missing after an exit. */
export function createLogger({ level, fmt, fd, secrets }: LogOptions): Logger {
  return loggerTo(openSink(fd, fmt), level, createRedactor(secrets));
}

/** A logger that hands each line, as JSON, to this stream. */
export function loggerTo(stream: DestinationStream, level: LogOptions['level'], redact: Redact): Logger {
  const logger = pino(
    {
      level,
      base: undefined,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new PinoLogger(logger, redact, level === 'debug');
}

class PinoLogger implements Logger {
  constructor(
    private readonly pino: Pino,
    private readonly redact: Redact,
    private readonly stacks: boolean,
  ) {}

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  private write(level: LogOptions['level'], message: string, fields: LogFields = {}): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const { redact, stacks } = this;
    this.pino[level](printableFields(fields, { redact, stacks }), redact(message));
  }
}
