import { readFile } from 'node:fs/promises';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';

import type { ClientConfig } from 'pg';

import type { DatabaseConfig } from '#lib/config';
import { AppError } from '#lib/kernel';

/** What the server sees us as; synchronous_standby_names must not match it by accident. */
export const APPLICATION_NAME = 'wal-listener';
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_DELAY_MS = 10_000;

async function pem(path: string | undefined, key: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('PG_TLS', `database.${key} ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * TLS options for the configured mode; `false` = plain.
 * - require: encrypts, believes any certificate;
 * - verify-ca: the certificate must come from the CA, whatever name it carries;
 * - verify-full: it must also carry the host's name, or database.ssl.serverName.
 * @throws AppError PG_TLS when a file cannot be read
 */
export async function tlsOptions(database: DatabaseConfig): Promise<false | ConnectionOptions> {
  const { mode, caCert, clientCert, clientKey, serverName } = database.ssl;
  if (mode === 'disable') return false;
  const [ca, cert, key] = await Promise.all([
    pem(caCert, 'caCert'),
    pem(clientCert, 'clientCert'),
    pem(clientKey, 'clientKey'),
  ]);
  // highWaterMark is missing in the typings: a paused TLS socket goes on reading until this many bytes wait, one record
  // here, so that pause() means pause.
  const options: ConnectionOptions & { readonly highWaterMark: number } = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    highWaterMark: 1,
    rejectUnauthorized: mode !== 'require',
    checkServerIdentity:
      mode === 'verify-full' ? (host, peer) => checkServerIdentity(serverName ?? host, peer) : () => undefined,
  };
  return options;
}

/** What both connections to one host have in common; `options` is the start-up parameter with the session's settings. */
export function clientConfig(
  database: DatabaseConfig,
  host: string,
  ssl: false | ConnectionOptions,
  options: string,
): ClientConfig {
  return {
    host,
    port: database.port,
    user: database.user,
    database: database.name,
    // A function, because pg takes an empty string for "look into PGPASSWORD and ~/.pgpass".
    password: () => database.password,
    ssl,
    options,
    application_name: APPLICATION_NAME,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  };
}
