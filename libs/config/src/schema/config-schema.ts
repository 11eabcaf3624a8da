import { Max, Min } from 'class-validator';
import { textMap } from '../kinds/collection-kinds.js';
import { duration } from '../kinds/measure-kinds.js';
import { filePath, listenAddress, oneOf, text, wholeNumber, type ListenAddress } from '../kinds/scalar-kinds.js';
import { DatabaseSection } from './database.section.js';
import { DAY_MS, ListenerSection } from './listener.section.js';
import { accepts, Option, Section } from './option.js';
import { PublisherSection } from './publisher.section.js';

export class LoggerSection {
  @Option(oneOf(['debug', 'info', 'warn', 'error'], { warning: 'warn' }), {
    description: 'Least level that is logged. Single events are logged at `debug` only.',
  })
  level: 'debug' | 'info' | 'warn' | 'error' = 'info';

  @Option(oneOf(['json', 'text']), { description: 'Form of a log line.' })
  fmt: 'json' | 'text' = 'json';
}

export class MonitoringSection {
  @Option(text, {
    description: 'Sentry DSN; errors are reported there, never row data.',
    secret: true,
    defaultText: 'off',
    example: 'https://key@sentry.example.com/1',
  })
  sentryDSN: string | undefined = undefined;

  @Option(listenAddress, {
    description: 'Where Prometheus finds `/metrics`: `:port` or `host:port`.',
    defaultText: 'off',
    example: ':2112',
  })
  promAddr: ListenAddress | undefined = undefined;

  @Min(1, accepts('a whole number, 1 or more'))
  @Option(wholeNumber, { description: 'Tables (and topics) with a metric of their own; the rest count under `other`.' })
  maxLabelValues: number = 500;
}

/**
 * Everything that can be configured. One declaration per option gives its type, default, constraints, description and
 * secrecy; the reader, the checks, `.env.example` and docs/configuration.md are all made from it. Durations are
 * milliseconds and sizes bytes here.
 */
export class ConfigSchema {
  @Section('What is read from PostgreSQL, and how it is filtered and named.')
  listener: ListenerSection = new ListenerSection();

  @Section('The connection to PostgreSQL.')
  database: DatabaseSection = new DatabaseSection();

  @Section('The connection to the broker.')
  publisher: PublisherSection = new PublisherSection();

  @Section('Logs.')
  logger: LoggerSection = new LoggerSection();

  @Section('Metrics and error reports.')
  monitoring: MonitoringSection = new MonitoringSection();

  @Option(textMap(), {
    description: 'Texts added to every event as `tags`.',
    defaultText: '{}',
    example: '{"region":"eu"}',
  })
  tags: ReadonlyMap<string, string> | undefined = undefined;

  @Min(0, accepts('a duration up to `24h`'))
  @Max(DAY_MS, accepts('a duration up to `24h`'))
  @Option(duration, { description: 'How long a stop may wait for events in flight.' })
  shutdownTimeout: number = 25_000;

  @Option(filePath, {
    description:
      'Directory for heap snapshots, one at every SIGUSR2, with mode 0600; the service stands still for the seconds it ' +
      'takes. A snapshot holds rows and secrets: guard it like the database.',
    defaultText: 'off',
    example: '/var/lib/wal-listener',
  })
  heapSnapshotDir: string | undefined = undefined;
}
