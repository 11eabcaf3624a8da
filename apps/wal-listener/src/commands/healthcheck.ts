import { get } from 'node:http';
import { loadConfig } from '#lib/config';

/** How long the service may take to answer. */
const TIMEOUT_MS = 3_000;
/** The image sets it. */
const PORT_VARIABLE = 'WAL_LISTENER_SERVER_PORT';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Asks the service on this machine whether it is alive, for Docker's HEALTHCHECK. Loads as little as can be: it is run
 * every few seconds beside the service.
 * @returns 0 when `/healthz` answers 200 or listener.serverPort is off, else 1 with one line on stderr: Docker keeps 2
 * for itself
 */
export async function healthcheck(
  configPath: string | undefined,
  variables: Variables = process.env,
  timeoutMs = TIMEOUT_MS,
): Promise<number> {
  try {
    const serverPort = portIn(configPath, variables);
    if (serverPort === undefined) return 0;
    const status = await statusOf(serverPort, timeoutMs);
    if (status === 200) return 0;
    return failed(`/healthz on port ${String(serverPort)} answers ${String(status)}`);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

/**
 * listener.serverPort, undefined when it is off. Where the configuration has faults the variable alone will do: the
 * service may have been given a file by an argument, which is not known here.
 */
function portIn(configPath: string | undefined, variables: Variables): number | undefined {
  try {
    return loadConfig({ configPath, env: variables, cwd: process.cwd() }).config.listener.serverPort;
  } catch (error) {
    const port = variables[PORT_VARIABLE] ?? '';
    if (!/^[1-9]\d{0,4}$/.test(port)) throw error;
    return Number(port);
  }
}

function failed(reason: string): number {
  // Of a configuration with faults the whole list is on the service's own stderr.
  process.stderr.write(`wal-listener healthcheck: ${reason.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  return 1;
}

function statusOf(port: number, timeoutMs: number): Promise<number | undefined> {
  const where = `/healthz on port ${String(port)}`;
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/healthz', agent: false, signal: AbortSignal.timeout(timeoutMs) };
    const request = get(options, (response) => {
      // The status is all; a body that never ends must not hold anyone up.
      response.destroy();
      resolve(response.statusCode);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const reason = error.name === 'AbortError' ? `no answer within ${String(timeoutMs)} ms` : error.message;
      reject(new Error(`${where}: ${reason}`, { cause: error }));
    });
  });
}
