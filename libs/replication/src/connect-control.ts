import type { ConnectionOptions } from 'node:tls';

import type { DatabaseConfig } from '#lib/config';
import { AppError, toAppError, type Logger } from '#lib/kernel';

import { ControlConnection } from './control-connection.js';

interface HostState {
  readonly in_recovery: boolean;
  readonly read_only: string;
}

const HOST_STATE = "SELECT pg_is_in_recovery() AS in_recovery, current_setting('transaction_read_only') AS read_only";

/** What makes a host unfit; a setting of read-only counts only when there is another host to prefer. */
function unfit(state: HostState | undefined, isOnlyHost: boolean): string | undefined {
  if (state === undefined || state.in_recovery) return 'is a standby (in recovery)';
  return state.read_only === 'on' && !isOnlyHost ? 'is read-only' : undefined;
}

/**
 * A control connection to the first host that is the read-write one.
 * @throws AppError what the only host answered, or PG_CONNECTION_LOST that lists every host's answer when one of them may
 * still change its mind
 */
export async function connectControl(
  database: DatabaseConfig,
  ssl: false | ConnectionOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<ControlConnection> {
  const failures: AppError[] = [];
  const isOnlyHost = database.hosts.length === 1;
  for (const host of database.hosts) {
    if (signal.aborted) break;
    const control = new ControlConnection({ database, host, ssl, logger });
    const onAbort = () => control.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const [state] = await control.query<HostState & Record<string, unknown>>(HOST_STATE);
      const fault = unfit(state, isOnlyHost);
      if (fault === undefined) return control;
      failures.push(new AppError('PG_CONNECTION_LOST', `${host} ${fault}`, { facts: { host } }));
    } catch (error) {
      failures.push(toAppError(error));
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    await control.close();
  }
  const [first] = failures;
  if (first === undefined) throw new AppError('PG_CONNECTION_LOST', 'Stopped while connecting');
  if (isOnlyHost) throw first;
  const all = failures.map(({ message, facts }) => `${String(facts['host'])}: ${message}`).join('; ');
  if (failures.every(({ retriable }) => !retriable)) throw first;
  throw new AppError('PG_CONNECTION_LOST', `No host is usable: ${all}`, { cause: first, facts: first.facts });
}
