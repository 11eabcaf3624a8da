import type { ConnectionOptions } from 'node:tls';

import pg, { type Client, type QueryResultRow } from 'pg';

import type { DatabaseConfig } from '#lib/config';
import { AppError, withTimeout, type Logger } from '#lib/kernel';

import { clientConfig } from './client-config.js';
import { mapPgError } from './map-pg-error.js';
import { NamedConnection } from './pg-connection.js';
import { CONTROL_OPTIONS } from './session-settings.js';

const QUERY_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 1_000;

export interface ControlConnectionOptions {
  readonly database: DatabaseConfig;
  readonly host: string;
  readonly ssl: false | ConnectionOptions;
  readonly logger: Logger;
}

/** A statement within a transaction. */
export type TransactionQuery = <Row extends QueryResultRow>(
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

/**
 * An ordinary connection beside the replication connection: for the publication, the slot, the catalog and signs of life.
 * Queries run one at a time. A broken connection is made anew by the next query.
 */
export class ControlConnection {
  private client: Client | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  constructor(private readonly options: ControlConnectionOptions) {}

  get host(): string {
    return this.options.host;
  }

  /**
   * The rows of one statement.
   * @param timeoutMs 0 = no limit, for what waits for other transactions
   * @throws AppError
   */
  query<Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    timeoutMs: number = QUERY_TIMEOUT_MS,
  ): Promise<readonly Row[]> {
    const result = this.queue.then(() => this.run<Row>(sql, values, timeoutMs));
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Several statements in one transaction. @throws AppError */
  transaction(work: (query: TransactionQuery) => Promise<void>): Promise<void> {
    const query: TransactionQuery = (sql, values = []) => this.run(sql, values, QUERY_TIMEOUT_MS);
    const inTransaction = async (): Promise<void> => {
      await query('BEGIN');
      try {
        await work(query);
        await query('COMMIT');
      } catch (error) {
        await query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    };
    const result = this.queue.then(inTransaction);
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** Another connection of the same kind, for example to cancel what this one waits for. */
  sibling(): ControlConnection {
    return new ControlConnection(this.options);
  }

  /** Ends the connection, politely when it is idle; bounded, never throws. */
  async close(): Promise<void> {
    this.isClosed = true;
    const client = this.client;
    this.client = undefined;
    if (client === undefined) return;
    const ended = client.end().catch(() => undefined);
    await withTimeout(ended, CLOSE_TIMEOUT_MS, () => new Error('timeout')).catch(() => this.cut(client));
  }

  /** Cuts the connection at once: whoever waits for an answer gets an error. */
  destroy(): void {
    this.isClosed = true;
    if (this.client !== undefined) this.cut(this.client);
    this.client = undefined;
  }

  private cut(client: Client): void {
    client.connection.stream.destroy();
  }

  private async run<Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<readonly Row[]> {
    const client = await this.connected();
    if (this.options.database.debug) this.options.logger.debug('SQL', { sql });
    const lost = () => new AppError('PG_CONNECTION_LOST', `No answer from ${this.host} for ${timeoutMs} ms`);
    try {
      const answer = client.query<Row>(sql, [...values]);
      const { rows } = await (timeoutMs === 0 ? answer : withTimeout(answer, timeoutMs, lost));
      return rows;
    } catch (error) {
      const mapped = mapPgError(error, { host: this.host });
      if (mapped.code === 'PG_CONNECTION_LOST') this.forget(client);
      throw mapped;
    }
  }

  private async connected(): Promise<Client> {
    if (this.isClosed) throw new AppError('PG_CONNECTION_LOST', 'The control connection was closed');
    if (this.client !== undefined) return this.client;
    const { database, host, ssl } = this.options;
    const config = clientConfig(database, host, ssl, CONTROL_OPTIONS);
    const connection = new NamedConnection({
      ssl,
      keepAliveInitialDelayMillis: config.keepAliveInitialDelayMillis ?? 0,
      tlsServerName: database.ssl.serverName,
    });
    // pg's typings know neither this option nor that its connection may be ours.
    const withConnection: object = { ...config, connection };
    const client = new pg.Client(withConnection);
    // Whoever waits for an answer is told by its own rejection; without a listener the process would end.
    client.on('error', () => this.forget(client));
    this.client = client;
    try {
      await client.connect();
    } catch (error) {
      this.forget(client);
      throw mapPgError(error, { host });
    }
    return client;
  }

  /** The next query makes a new connection. */
  private forget(client: Client): void {
    if (this.client === client) this.client = undefined;
    this.cut(client);
  }
}
