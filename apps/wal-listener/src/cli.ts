import { parseArgs } from 'node:util';
import { AppError } from '#lib/kernel';

/** What the command line asks for. */
export type Invocation =
  | { readonly command: 'run' | 'check'; readonly configPath: string | undefined; readonly json: boolean }
  | { readonly command: 'healthcheck'; readonly configPath: string | undefined }
  | { readonly command: 'demo'; readonly once: boolean }
  | { readonly command: 'help' | 'version' };

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
    case 'healthcheck':
      if (values.once === true || values.json === true) throw usage('healthcheck takes only --config');
      return { command, configPath: values.config };
    case 'demo':
      if (values.config !== undefined || values.json === true) throw usage('demo takes only --once');
      return { command, once: values.once === true };
    case 'help':
    case 'version':
      return { command };
    default:
      throw usage(`unknown command ${JSON.stringify(command)}; commands are run, check, healthcheck and demo`);
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
