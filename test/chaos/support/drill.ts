import { expect } from 'vitest';
import type { Child } from '../../support/child-process.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import type { BrokerUnderTest } from '../../e2e/support/broker-under-test.js';
import { Scenario } from '../../e2e/support/scenario.js';
import type { Ledger } from '../../e2e/support/ledger.js';
import type { Writers } from '../../e2e/support/workload.js';
import { BrokerProbes } from './broker-probes.js';

const VERSION = 18;
/** Faults last for longer than that where the program has to give up waiting. */
export const ACK_TIMEOUT_MS = 2000;
/** Between two transactions of one of the eight writers. */
const PAUSE_MS = 150;
const RECOVERY_MS = 120_000;
const PEAK_RSS_BYTES = 250e6;

/** A program under load, whose broker is to fail; one and the same process to the end, unless a test ends it. */
export class Drill<Broker extends BrokerUnderTest> implements AsyncDisposable {
  private writers: Writers | undefined;
  private loads = 0;
  private lastAlone = 0;
  /** The program. */
  child: Child;

  private constructor(
    readonly scenario: Scenario<Broker>,
    readonly probes: BrokerProbes,
    /** Between the program and PostgreSQL. */
    private readonly databaseNetwork: TcpProxy,
  ) {
    this.child = this.startProgram();
  }

  /** @param prepare what is wrong with the broker already when the program starts */
  static async start<Broker extends BrokerUnderTest>(
    startBroker: () => Promise<Broker>,
    env: Readonly<Record<string, string>> = {},
    prepare: (broker: Broker) => void = () => undefined,
  ): Promise<Drill<Broker>> {
    const probes = await BrokerProbes.create();
    const scenario = await Scenario.start(VERSION, startBroker, {
      ...probes.env,
      WAL_LISTENER_ACK_TIMEOUT: `${String(ACK_TIMEOUT_MS)}ms`,
      ...env,
    });
    await scenario.leaveTablesUnanalysed();
    prepare(scenario.broker);
    return new Drill(scenario, probes, await TcpProxy.start(scenario.database.port));
  }

  get broker(): Broker {
    return this.scenario.broker;
  }

  /** Rows are changed from now on. */
  load(pauseMs = PAUSE_MS): void {
    this.loads += 1;
    this.writers = this.scenario.writers(this.loads);
    this.writers.start(pauseMs);
  }

  /** No row is changed any more, and everything has arrived. */
  async quiet(): Promise<void> {
    await this.writers?.stop();
    this.writers = undefined;
    await this.scenario.caughtUp(RECOVERY_MS);
  }

  /** Waits until what was committed until now is confirmed: the load goes on meanwhile. */
  async flows(): Promise<void> {
    await this.scenario.caughtUp(RECOVERY_MS);
  }

  /** Waits until the program says that the broker is down for that reason. */
  brokerDown(code: string | RegExp): Promise<void> {
    return this.probes.brokerDown(code, this.child);
  }

  /** Waits until the program says that all is well, and everything committed until now has arrived. */
  async recovers(): Promise<void> {
    await this.probes.ready(this.child);
    await this.flows();
  }

  /** Inserts one row by itself. */
  async insertAlone(blobBytes = 0): Promise<void> {
    this.lastAlone -= 1;
    const values = `${String(this.lastAlone)}, 1, 'alone', repeat('x', ${String(blobBytes)})`;
    await this.scenario.database.query(`INSERT INTO items VALUES (${values})`);
  }

  /** Inserts a row and lets the outage go on: what the slot confirms stays before that row. */
  async confirmsNothingMore(outage: () => Promise<void>): Promise<void> {
    await this.insertAlone();
    const [row] = await this.scenario.database.query(`SELECT pg_current_wal_insert_lsn() - '0/0' AS lsn`);
    await outage();
    expect(await this.scenario.confirmedLsn()).toBeLessThan(BigInt(String(row?.['lsn'])));
  }

  /** SIGKILL when the broker has acknowledged a load and nothing of that was confirmed; then it is started again. */
  async crashesUnconfirmed(): Promise<void> {
    await this.quiet();
    this.databaseNetwork.hold();
    // What is held back for too long costs the connection; another one could confirm.
    this.databaseNetwork.refuse(true);
    const before = await this.scenario.confirmedLsn();
    const { database } = this.scenario;
    const [row] = await database.query('SELECT max(seq)::int AS changes FROM history.change');
    this.loads += 1;
    await this.scenario.writers(this.loads).writeChanges(database, Number(row?.['changes']) + 300);
    const stored = async () => (await (await this.scenario.received()).differencesFrom(database)).length === 0;
    await waitFor(async () => this.databaseNetwork.heldBytes > 0 && (await stored()), {
      what: () => `the broker to have everything${this.child.lastOutput()}`,
      deadlineMs: RECOVERY_MS,
      intervalMs: 1000,
    });
    await this.child.kill();
    // With the connections ends what was held back on them.
    this.databaseNetwork.cut();
    this.databaseNetwork.refuse(false);
    expect(await this.scenario.confirmedLsn()).toBe(before);
    this.restart();
  }

  /** Starts the program again after its end. */
  restart(): void {
    this.child = this.startProgram();
  }

  /** The load ends, and nothing was lost on the way. */
  async endsWithNothingLost(): Promise<Ledger> {
    await this.quiet();
    expect(this.child.running).toBe(true);
    expect(this.child.peakRssBytes()).toBeLessThan(PEAK_RSS_BYTES);
    await this.child.terminate();
    return this.scenario.expectNothingLost();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writers?.stop().catch(() => undefined);
    await this.scenario[Symbol.asyncDispose]();
    await this.databaseNetwork[Symbol.asyncDispose]();
  }

  private startProgram(): Child {
    return this.scenario.startListener({ WAL_DATABASE_PORT: String(this.databaseNetwork.port) });
  }
}
