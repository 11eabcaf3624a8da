import { expect } from 'vitest';
import type { Child, StartChildOptions } from '../../support/child-process.js';
import { startPostgres, type PostgresServer, type PostgresVersion } from '../../support/postgres.js';
import { databaseVariables, startService } from '../../support/service.js';
import { waitFor } from '../../support/wait-for.js';
import { type BrokerUnderTest, TOPIC } from './broker-under-test.js';
import { Ledger } from './ledger.js';
import { createWorkload, Writers } from './workload.js';

const SLOT = 'wal_listener';
/** A slot at the same position that nobody touches during the run: afterwards it tells what ids there should be. */
const REFERENCE_SLOT = 'reference';

/** A database under load, a broker and the built program between them. */
export class Scenario<Broker extends BrokerUnderTest = BrokerUnderTest> implements AsyncDisposable {
  private listener: Child | undefined;

  private constructor(
    readonly database: PostgresServer,
    readonly broker: Broker,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /**
   * @param env variables for every start of the program, on top of those for database and broker
   * @param prepare what else is done to the database, as a superuser, when tables, publication and slot are there
   */
  static async start<Broker extends BrokerUnderTest>(
    version: PostgresVersion,
    startBroker: () => Promise<Broker>,
    env: Readonly<Record<string, string>> = {},
    prepare?: (database: PostgresServer) => Promise<void>,
  ): Promise<Scenario<Broker>> {
    const database = await startPostgres({ version });
    try {
      await createWorkload(database, [SLOT, REFERENCE_SLOT]);
      await prepare?.(database);
      return new Scenario(database, await startBroker(), env);
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same over a database of the caller's own, with the workload and a slot `reference` in it. */
  static over<Broker extends BrokerUnderTest>(
    database: PostgresServer,
    broker: Broker,
    env: Readonly<Record<string, string>> = {},
  ): Scenario<Broker> {
    return new Scenario(database, broker, env);
  }

  writers(seed: number): Writers {
    const { host, port, user, password, database } = this.database;
    return new Writers({ host, port, user, password, database }, 8, seed);
  }

  /** Starts the program, or starts it again. */
  startListener(env: Readonly<Record<string, string>> = {}, options: StartChildOptions = {}): Child {
    const variables = {
      ...databaseVariables(this.database),
      WAL_LISTENER_SLOT_NAME: SLOT,
      ...this.broker.env,
      WAL_PUBLISHER_TOPIC: TOPIC,
      ...this.env,
      ...env,
    };
    this.listener = startService(variables, options);
    return this.listener;
  }

  /**
   * For tests that hold back what the program sends to the server. After an ANALYZE by autovacuum the server describes a
   * table anew, and of a table with replica identity FULL the program then asks the catalog and waits for the answer.
   */
  async leaveTablesUnanalysed(): Promise<void> {
    const off = (table: string) => `ALTER TABLE ${table} SET (autovacuum_enabled = false)`;
    await this.database.query(`${off('orders')}; ${off('items')}`);
  }

  /** What the slot has confirmed. */
  async confirmedLsn(): Promise<bigint> {
    const [row] = await this.database.query(
      `SELECT confirmed_flush_lsn - '0/0' AS lsn FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
    );
    return BigInt(String(row?.['lsn']));
  }

  /** Waits until the slot has confirmed more than that: the program delivers. */
  async confirmsBeyond(lsn: bigint): Promise<void> {
    await waitFor(async () => (await this.confirmedLsn()) > lsn, {
      deadlineMs: 60_000,
      intervalMs: 20,
      what: () => `the slot to be confirmed${this.listener?.lastOutput() ?? ''}`,
    });
  }

  /** Waits until everything committed so far is confirmed by the slot. */
  async caughtUp(deadlineMs: number, slot = SLOT): Promise<void> {
    const [end] = await this.database.query('SELECT pg_current_wal_insert_lsn() AS lsn');
    const confirmed = async () => {
      const [row] = await this.database.query(
        `SELECT confirmed_flush_lsn >= '${String(end?.['lsn'])}' AS done FROM pg_replication_slots WHERE slot_name = '${slot}'`,
      );
      return row?.['done'] === true;
    };
    await waitFor(confirmed, {
      deadlineMs,
      intervalMs: 50,
      what: () => `slot ${slot} to reach ${String(end?.['lsn'])}${this.listener?.lastOutput() ?? ''}`,
    });
  }

  /** What a consumer finds in the broker. */
  async received(): Promise<Ledger> {
    const ledger = new Ledger();
    await this.broker.read(ledger);
    return ledger;
  }

  /** What an undisturbed listener publishes from the reference slot. */
  async reference(): Promise<Ledger> {
    const ledger = new Ledger();
    await using child = startService(
      { ...databaseVariables(this.database), WAL_LISTENER_SLOT_NAME: REFERENCE_SLOT, WAL_PUBLISHER_TYPE: 'stdout' },
      { onLine: (line) => ledger.add(line), keepStdout: false },
    );
    await this.caughtUp(120_000, REFERENCE_SLOT);
    await child.terminate();
    return ledger;
  }

  /**
   * The whole check after a run: what PostgreSQL committed is what the consumer has, in order per row, under the ids
   * and with the bodies of an undisturbed reader.
   */
  async expectNothingLost(): Promise<Ledger> {
    const received = await this.received();
    expect(await received.differencesFrom(this.database)).toEqual([]);
    expect(received.differencesFromLedger(await this.reference())).toEqual([]);
    return received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener?.[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}
