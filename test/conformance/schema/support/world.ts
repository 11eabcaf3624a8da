import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type pg from 'pg';
import { Ledger } from '../../../e2e/support/ledger.js';
import { readStream } from '../../../e2e/support/nats-broker.js';
import type { Child } from '../../../support/child-process.js';
import type { NatsServer } from '../../../support/nats-server.js';
import type { PostgresServer } from '../../../support/postgres.js';
import { databaseVariables, startService } from '../../../support/service.js';
import { waitFor } from '../../../support/wait-for.js';
import { withoutIdAndTime, withSortedTruncates } from './expected-event.js';
import { Oracle } from './oracle.js';

export const PUBLICATION = 'changes';
const START_MS = 60_000;
const CATCH_UP_MS = 60_000;
const RESTARTS = 4;
const STEPS_PER_START = 30;

/** What the program is given besides the database. */
export type BrokerVariables = Readonly<Record<string, string>>;

/** NATS with a stream of this database's own. */
export const natsVariables = (nats: NatsServer, topic: string): BrokerVariables => ({
  WAL_PUBLISHER_TYPE: 'nats',
  WAL_PUBLISHER_ADDRESS: nats.url,
  WAL_PUBLISHER_TOPIC: topic,
});

/**
 * A database of its own on a server, an oracle that writes to it, the program that publishes its changes, and a slot at
 * the same position that an undisturbed program reads afterwards.
 */
export class World implements AsyncDisposable {
  listener: Child | undefined;
  readonly slot: string;
  private readonly referenceSlot: string;

  private constructor(
    private readonly server: PostgresServer,
    private readonly client: pg.Client,
    readonly name: string,
    private readonly broker: BrokerVariables,
    readonly oracle: Oracle,
  ) {
    this.slot = name;
    this.referenceSlot = `${name}_reference`;
  }

  /** @param scope of the publication: `FOR ALL TABLES`, or empty for none yet */
  static async create(server: PostgresServer, name: string, scope: string, broker: BrokerVariables): Promise<World> {
    await server.query(`CREATE DATABASE ${name}`);
    const client = await server.client({ database: name });
    await client.query(
      `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET extra_float_digits = 1`,
    );
    await client.query(`CREATE PUBLICATION ${PUBLICATION} ${scope}`);
    for (const slot of [name, `${name}_reference`]) {
      await client.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    }
    const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version_num') AS version`);
    const oracle = new Oracle(client, PUBLICATION, Math.floor(Number(rows[0].version) / 10_000));
    return new World(server, client, name, broker, oracle);
  }

  startListener(env: BrokerVariables = {}): Child {
    this.listener = startService({ ...this.variables(this.slot), ...this.broker, ...env });
    return this.listener;
  }

  async startAndStream(): Promise<Child> {
    const listener = this.startListener();
    await listener.waitForLine('"msg":"streaming"', START_MS);
    return listener;
  }

  /**
   * Runs `work` while the program is started, and killed or stopped in the middle of it, several times. Every so many
   * steps the work waits for the next start, so that it goes on under all of them.
   */
  async whileRestarting(work: () => Promise<void>): Promise<number> {
    const state = { isDone: false };
    let [starts, steps] = [0, 0];
    let restarts = 0;
    const restart = async () => {
      for (; !state.isDone && restarts < RESTARTS; restarts++) {
        const listener = await this.startAndStream();
        starts++;
        await delay(60 * restarts);
        if (restarts % 2 === 0) await listener.kill();
        else await listener.terminate();
      }
    };
    const restarting = restart();
    this.oracle.betweenSteps = async () => {
      steps++;
      // The program's start reads the publication's tables, which a transaction with DDL keeps locked.
      if (this.oracle.isInTransaction) return;
      const wanted = Math.min(RESTARTS, Math.floor(steps / STEPS_PER_START));
      if (starts < wanted) await waitFor(() => starts >= wanted, { what: 'a start', deadlineMs: 2 * START_MS });
    };
    try {
      await Promise.all([work().finally(() => (state.isDone = true)), restarting]);
    } finally {
      state.isDone = true;
      this.oracle.betweenSteps = () => Promise.resolve();
    }
    return restarts;
  }

  /** Waits until everything committed so far is confirmed by the slot. */
  async caughtUp(slot = this.slot, child = this.listener): Promise<void> {
    const [end] = await this.server.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    const confirmed = async () => {
      if (child?.running === false) return true;
      const [row] = await this.server.query<{ done: boolean }>(
        `SELECT confirmed_flush_lsn >= $1::pg_lsn AS done FROM pg_replication_slots WHERE slot_name = $2`,
        [end.lsn, slot],
      );
      return row.done;
    };
    await waitFor(confirmed, {
      deadlineMs: CATCH_UP_MS,
      intervalMs: 50,
      what: () => `slot ${slot} to reach ${end.lsn}${child?.lastOutput() ?? ''}`,
    });
    if (child?.running === false) throw new Error(`the program ended${child.lastOutput()}`);
  }

  /** What the stream holds: each event once, in the order of first arrival. */
  async received(): Promise<Ledger> {
    const ledger = new Ledger();
    await readStream(this.broker['WAL_PUBLISHER_ADDRESS'], this.broker['WAL_PUBLISHER_TOPIC'], ledger);
    return ledger;
  }

  /** What an undisturbed program says of the same WAL, now that all of it has happened. */
  async reference(): Promise<Ledger> {
    const ledger = new Ledger();
    await using child = startService(
      { ...this.variables(this.referenceSlot), WAL_PUBLISHER_TYPE: 'stdout' },
      { onLine: (line) => ledger.add(line), keepStdout: false },
    );
    await this.caughtUp(this.referenceSlot, child);
    await child.terminate();
    return ledger;
  }

  /** What arrived is what the statements did, in their order, under ascending ids, and unchanged where it came again. */
  expectAllOf(ledger: Ledger): void {
    expect(ledger.faults).toEqual([]);
    const ids = [...ledger.bodies.keys()];
    expect(ids).toEqual(ids.toSorted());
    const received = withSortedTruncates([...ledger.bodies.values()].map(withoutIdAndTime));
    expect(firstDifference(received, withSortedTruncates(this.oracle.expected))).toBeUndefined();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener?.[Symbol.asyncDispose]();
    await this.client.end();
  }

  private variables(slot: string): Record<string, string> {
    return {
      ...databaseVariables(this.server),
      WAL_DATABASE_NAME: this.name,
      WAL_LISTENER_SLOT_NAME: slot,
      WAL_LISTENER_PUBLICATION: PUBLICATION,
    };
  }
}

/** Where two lists part, with what comes around it: thousands of lines side by side help nobody. */
function firstDifference(received: readonly string[], expected: readonly string[]): object | undefined {
  const length = Math.max(received.length, expected.length);
  for (let at = 0; at < length; at++) {
    if (received[at] === expected[at]) continue;
    const around = (events: readonly string[]) =>
      events.slice(Math.max(0, at - 1), at + 3).map((event) => short(event));
    return { at, received: around(received), expected: around(expected), counts: [received.length, expected.length] };
  }
  return undefined;
}

const short = (event: string) => event.replaceAll(/(.)\1{99,}/g, (run) => `${run[0]}…${String(run.length)}`);
