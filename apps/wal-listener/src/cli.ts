import { parseArgs } from 'node:util';
import { AppError } from '#lib/kernel';

/** What the command line asks for. */
export type Invocation =
  | { readonly command: 'run' | 'check'; readonly configPath: string | undefined; readonly json: boolean }
  | { readonly command: 'demo'; readonly once: boolean }
  | { readonly command: 'help' | 'version' };

export const HELP = `wal-listener publishes every change of a PostgreSQL database to NATS JetStream, Apache Kafka, RabbitMQ, Google Pub/Sub
or standard output.

Usage: wal-listener [command] [options]

Commands:
  run     stream changes until told to stop (the default)
  check   look at database, broker and configuration; exit 0 when all is well, 1 when not
  demo    start a throw-away PostgreSQL, make changes and show the events

Options:
  -c, --config PATH   YAML configuration file (default: $WAL_CONFIG, else ./config.yml when it exists)
      --json          check: print the findings as JSON
      --once          demo: one round, then end
  -v, --version       print the version
  -h, --help          print this

Every key can be set by an environment variable: listener.slotName is WAL_LISTENER_SLOT_NAME; a variable ending in
_FILE names a file with the value. All keys are in docs/configuration.md.

Signals: SIGTERM and SIGINT stop after what is in flight is acknowledged; a second one ends at once.
Exit codes: 0 stopped on request, 1 fatal error, 2 configuration or usage error.
`;

/**
 * Reads the command line (without node and script).
 * @throws AppError USAGE
 */
export function parseCommandLine(args: readonly string[]): Invocation {
  const { values, positionals } = parse(args);
  if (values.help === true) return { command: 'help' };
  if (values.version === true) return { command: 'version' };
  const [command = 'run', ...rest] = positionals;
  if (rest.length > 0) throw usage(`unexpected argument ${JSON.stringify(rest[0])}`);
  switch (command) {
    case 'run':
    case 'check':
      if (values.once === true) throw usage('--once belongs to demo');
      if (values.json === true && command !== 'check') throw usage('--json belongs to check');
      return { command, configPath: values.config, json: values.json === true };
    case 'demo':
      if (values.config !== undefined || values.json === true) throw usage('demo takes only --once');
      return { command, once: values.once === true };
    case 'help':
    case 'version':
      return { command };
    default:
      throw usage(`unknown command ${JSON.stringify(command)}; commands are run, check and demo`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        json: { type: 'boolean' },
        once: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(message: string): AppError {
  return new AppError('USAGE', message);
}
