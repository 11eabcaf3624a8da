import type { ConnectionOptions } from 'node:tls';

import { LogicalReplicationService } from 'pg-logical-replication';
import type { Client } from 'pg';

import type { DatabaseConfig } from '#lib/config';
import { AppError, withTimeout } from '#lib/kernel';

import { clientConfig } from './client-config.js';
import { mapPgError } from './map-pg-error.js';
import { PgConnection, type ConnectionEvents } from './pg-connection.js';
import { quoteIdentifier, quotePublicationNames } from './quote.js';
import { checkSettings, replicationSettings, showSettings, startupOptions } from './session-settings.js';

const START_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** What START_REPLICATION is told. */
export interface StartCommand {
  readonly slot: string;
  readonly publications: readonly string[];
  /** Leaves out what other replication origins wrote; the server must be version 16 or newer. */
  readonly originNone: boolean;
}

/** START_REPLICATION from the slot's own confirmed position, pgoutput protocol 1. */
export function startReplicationSql(command: StartCommand): string {
  const options = [
    "proto_version '1'",
    `publication_names ${quotePublicationNames(command.publications)}`,
    ...(command.originNone ? ["origin 'none'"] : []),
  ];
  return `START_REPLICATION SLOT ${quoteIdentifier(command.slot)} LOGICAL 0/0 (${options.join(', ')})`;
}

export interface ReplicationSessionOptions {
  readonly database: DatabaseConfig;
  readonly host: string;
  readonly ssl: false | ConnectionOptions;
  readonly walSenderTimeoutMs: number;
  readonly events: ConnectionEvents;
  /** A NoticeResponse, at its place between the other messages. */
  readonly notice: (notice: { readonly code?: string; readonly routine?: string; readonly message?: string }) => void;
}

/**
 * One replication connection in the life cycle of pg-logical-replication: a new service object each time, which never
 * acknowledges by itself; reading, decoding and status are ours.
 */
export class ReplicationSession {
  readonly connection: PgConnection;
  private readonly service: LogicalReplicationService;
  private readonly options: ReplicationSessionOptions;
  private socketError: unknown;
  /** Process id of the walsender. */
  backendPid = 0;
  systemIdentifier = '';

  constructor(options: ReplicationSessionOptions) {
    this.options = options;
    const { database, host, ssl } = options;
    const settings = startupOptions(replicationSettings(options.walSenderTimeoutMs));
    const config = clientConfig(database, host, ssl, settings);
    this.connection = new PgConnection(
      {
        ssl,
        keepAliveInitialDelayMillis: config.keepAliveInitialDelayMillis ?? 0,
        tlsServerName: database.ssl.serverName,
      },
      options.events,
    );
    const withConnection: object = { ...config, connection: this.connection };
    this.service = new LogicalReplicationService(withConnection, { acknowledge: { auto: false, timeoutSeconds: 0 } });
    // The promise of run() tells the same; without a listener the emitter would throw.
    this.service.on('error', (error: unknown) => {
      this.socketError ??= error;
    });
  }

  /**
   * Connects, checks the session's settings and starts streaming.
   * @param onStart called in the very call that takes in CopyBothResponse, before any CopyData is handed out
   * @returns a promise that settles when the conversation is over: it resolves when the server ended it, else rejects
   * @throws AppError
   */
  async start(command: StartCommand, onStart: () => void): Promise<{ readonly over: Promise<void> }> {
    let reportStart = () => {};
    const started = new Promise<void>((resolve) => {
      reportStart = resolve;
    });
    const plugin = {
      name: 'pgoutput',
      options: {},
      start: (client: Client) => this.beginStreaming(client, startReplicationSql(command)),
      // Never called: no CopyData reaches the package.
      parse: () => undefined,
    };
    this.service.on('start', () => {
      onStart();
      reportStart();
    });
    const over = this.converse(this.service.subscribe(plugin, command.slot, '0/0'));
    const first = Promise.race([started, over.then(() => this.lost('PostgreSQL ended the replication connection'))]);
    const late = () => this.lost(`No answer from ${this.options.host} for ${START_TIMEOUT_MS} ms`);
    try {
      await withTimeout(first, START_TIMEOUT_MS, late);
    } catch (error) {
      await this.close();
      throw error;
    }
    return { over };
  }

  /** Connects and checks the settings without streaming. @throws AppError */
  async probe(): Promise<void> {
    const plugin = {
      name: 'pgoutput',
      options: {},
      start: (client: Client) => this.prepare(client),
      parse: () => undefined,
    };
    try {
      await this.converse(this.service.subscribe(plugin, '', '0/0'));
    } finally {
      await this.close();
    }
  }

  /** Terminate and close; cuts the connection when that takes too long. Never throws. */
  async close(): Promise<void> {
    const stopped = this.service.stop().catch(() => undefined);
    await withTimeout(stopped, CLOSE_TIMEOUT_MS, () => new Error('timeout')).catch(() => this.connection.destroy());
  }

  private lost(message: string): AppError {
    return new AppError('PG_CONNECTION_LOST', message, { facts: { host: this.options.host } });
  }

  private async converse(subscription: Promise<unknown>): Promise<void> {
    try {
      await subscription;
    } catch (error) {
      // The query's own rejection may say less ("Connection terminated") than the socket's error before it.
      const mapped = mapPgError(error, { host: this.options.host });
      if (mapped.facts['sqlstate'] !== undefined || this.socketError === undefined) throw mapped;
      throw mapPgError(this.socketError, { host: this.options.host });
    }
  }

  private async beginStreaming(client: Client, sql: string): Promise<void> {
    await this.prepare(client);
    await client.query(sql);
  }

  private async prepare(client: Client): Promise<void> {
    client.on('notice', (notice) => this.options.notice(notice));
    const pid: unknown = Reflect.get(client, 'processID');
    this.backendPid = typeof pid === 'number' ? pid : 0;
    const settings = replicationSettings(this.options.walSenderTimeoutMs);
    const shown = await client.query<{ name: string; setting: string }>(showSettings(settings));
    checkSettings(settings, new Map(shown.rows.map(({ name, setting }) => [name, setting])));
    const system = await client.query<{ systemid: string }>('IDENTIFY_SYSTEM');
    this.systemIdentifier = system.rows[0]?.systemid ?? '';
  }
}
