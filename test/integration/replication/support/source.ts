import { loadConfig, type AppConfig } from '#lib/config';
import { systemClock, type AppError, type Logger } from '#lib/kernel';
import { PgChangeSource, type ChangeStream } from '#lib/replication';

import type { PostgresServer } from '../../../support/postgres.js';
import { RecordingSink } from './recording-sink.js';

export type Variables = Readonly<Record<string, string>>;

/** The configuration for a database of the server, with `variables` on top. */
export function configFor(server: PostgresServer, database: string, variables: Variables = {}): AppConfig {
  const env = {
    WAL_DATABASE_HOST: server.host,
    WAL_DATABASE_PORT: String(server.port),
    WAL_DATABASE_USER: server.user,
    WAL_DATABASE_PASSWORD: server.password,
    WAL_DATABASE_NAME: database,
    WAL_LISTENER_SLOT_NAME: `slot_${database}`,
    WAL_LISTENER_HEARTBEAT_INTERVAL: '1s',
    WAL_PUBLISHER_TYPE: 'stdout',
    ...variables,
  };
  return loadConfig({ env, cwd: '/nonexistent' }).config;
}

/** A logger that keeps its lines. */
export class KeepingLogger implements Logger {
  readonly lines: { readonly level: string; readonly message: string }[] = [];
  debug = (message: string): void => void this.lines.push({ level: 'debug', message });
  info = (message: string): void => void this.lines.push({ level: 'info', message });
  warn = (message: string): void => void this.lines.push({ level: 'warn', message });
  error = (message: string): void => void this.lines.push({ level: 'error', message });

  get warnings(): readonly string[] {
    return this.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  }
}

export interface SourceOptions {
  readonly logger?: Logger;
  readonly minWalSenderTimeoutMs?: number;
}

export function sourceFor(config: AppConfig, options: SourceOptions = {}): PgChangeSource {
  const { logger = new KeepingLogger(), minWalSenderTimeoutMs } = options;
  return new PgChangeSource({
    config,
    clock: systemClock,
    logger,
    ...(minWalSenderTimeoutMs === undefined ? {} : { minWalSenderTimeoutMs }),
  });
}

/** Opens and starts a stream into a recording sink; cut at the end of the scope if still open. */
export async function openStream(
  source: PgChangeSource,
  options: { readonly confirms?: boolean } = {},
): Promise<{ readonly stream: ChangeStream; readonly sink: RecordingSink } & Disposable> {
  const stream = await source.open(AbortSignal.timeout(30_000));
  const sink = new RecordingSink(stream, options.confirms ?? true);
  stream.start(sink);
  return { stream, sink, [Symbol.dispose]: () => stream.destroy() };
}

/** The error that a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    return error as AppError;
  }
  throw new Error('resolved instead of rejecting');
}

let databases = 0;

/** A new database on the server, and statements in it. */
export async function newDatabase(server: PostgresServer): Promise<{
  readonly name: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
}> {
  databases += 1;
  const name = `db${databases}`;
  await server.query(`CREATE DATABASE ${name}`);
  return {
    name,
    async query(sql) {
      const client = await server.client({ database: name });
      try {
        const result: unknown = await client.query(sql);
        const last: unknown = Array.isArray(result) ? result.at(-1) : result;
        return (last as { rows: Record<string, unknown>[] }).rows;
      } finally {
        await client.end();
      }
    },
  };
}
