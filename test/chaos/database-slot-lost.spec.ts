import { describe, expect, it } from 'vitest';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { START_MS, STREAMING } from '../e2e/support/standby-cases.js';
import type { Child } from '../support/child-process.js';
import type { PostgresServer } from '../support/postgres.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { walsenderPid } from './support/own-backends.js';
import { Probes } from './support/probes.js';

const VERSION = 18;
const CATCH_UP_MS = 60_000;
const IN_FLIGHT = 'wal_listener_in_flight_events';
/** The range that is gone, as the service logs it. */
const GAP = /changes from ([0-9A-F]+\/[0-9A-F]+) to ([0-9A-F]+\/[0-9A-F]+) are gone/;

const insert = (from: number, to: number) =>
  `INSERT INTO items (id, version, label) SELECT g, 1, 'x' FROM generate_series(${from}, ${to}) g`;

/** Lets slots keep two segments of WAL, and writes until the service's is lost. */
async function loseSlot(server: PostgresServer): Promise<void> {
  await server.query(`ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'`);
  await server.query('SELECT pg_reload_conf()');
  const lost = async () => {
    await server.query(`SELECT pg_logical_emit_message(false, 'filler', repeat('x', 16000000))`);
    await server.query('CHECKPOINT');
    const [slot] = await server.query(
      `SELECT wal_status AS status FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
    );
    return slot?.['status'] === 'lost';
  };
  await waitFor(lost, { what: 'the slot to be invalidated', deadlineMs: 60_000 });
}

async function endOfWal(server: PostgresServer): Promise<bigint> {
  const [row] = await server.query(`SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn`);
  return BigInt(String(row?.['lsn']));
}

function bytes(lsn: string | undefined): bigint {
  const [high = '', low = ''] = (lsn ?? '').split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** The ids of the rows that consumers have, as ranges: `1-10 21-30`. */
async function rows(scenario: Scenario): Promise<string> {
  const { bodies, faults } = await scenario.received();
  expect(faults).toEqual([]);
  const ids = [...bodies.values()].map((body) => (JSON.parse(body) as { data: { id: number } }).data.id);
  const starts = ids.filter((id, at) => id !== (ids[at - 1] ?? -1) + 1);
  const ends = ids.filter((id, at) => id + 1 !== ids[at + 1]);
  return starts.map((start, at) => `${start}-${ends[at]}`).join(' ');
}

/** It ended by itself, naming cause and remedy, and moved nothing. */
async function expectHalt(scenario: Scenario, listener: Child, confirmed: bigint): Promise<void> {
  expect(await listener.waitForExit(60_000)).toEqual({ code: 1, signal: null });
  const last = listener.stdout.at(-1);
  expect(last).toMatch(/SLOT_LOST.*invalidated \(wal_removed\)/);
  expect(last).toContain('listener.onSlotLost: recreate');
  expect(await scenario.confirmedLsn()).toBe(confirmed);
}

/** It said which range is gone: from what was confirmed to somewhere after the loss. */
async function expectGap(listener: Child, confirmed: bigint, atLoss: bigint): Promise<void> {
  const [, from, to] = GAP.exec(await listener.waitForLine(GAP, START_MS)) ?? [];
  expect(bytes(from)).toBe(confirmed);
  expect(bytes(to)).toBeGreaterThanOrEqual(atLoss);
}

describe('a slot that lost its WAL', () => {
  it('while the service was down: it halts until it is told to go on, and names the range that is gone', async () => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    const { database } = scenario;
    const first = scenario.startListener();
    await database.query(insert(1, 10));
    await scenario.caughtUp(CATCH_UP_MS);
    await first.terminate();
    await database.query(insert(11, 20));
    const confirmed = await scenario.confirmedLsn();
    await loseSlot(database);

    const halted = scenario.startListener();
    await expectHalt(scenario, halted, confirmed);
    expect(halted.stdout.at(-1)).toContain(`SELECT pg_drop_replication_slot('wal_listener');`);

    const atLoss = await endOfWal(database);
    const goingOn = scenario.startListener({ WAL_LISTENER_ON_SLOT_LOST: 'recreate' });
    await expectGap(goingOn, confirmed, atLoss);
    await database.query(insert(21, 30));
    await scenario.caughtUp(CATCH_UP_MS);
    expect(await goingOn.terminate()).toEqual({ code: 0, signal: null });
    expect(await rows(scenario)).toBe('1-10 21-30');
  });

  it.each(['halt', 'recreate'])('while the broker was down, with a full window: %s', async (policy) => {
    await using scenario = await Scenario.start(VERSION, NatsBroker.start);
    const { database } = scenario;
    await using broker = await TcpProxy.start(scenario.broker.server.port);
    const probes = await Probes.create();
    const listener = scenario.startListener({
      ...probes.env,
      WAL_LISTENER_ON_SLOT_LOST: policy,
      WAL_PUBLISHER_ADDRESS: broker.address,
      WAL_PUBLISHER_MAX_IN_FLIGHT_EVENTS: '100',
    });
    await listener.waitForLine(STREAMING, START_MS);
    await database.query(insert(1, 10));
    await scenario.caughtUp(CATCH_UP_MS);
    const confirmed = await scenario.confirmedLsn();
    const pid = await walsenderPid(database);

    // What was sent is lost on the way, and the valve is shut.
    broker.refuse(true);
    broker.cut();
    await database.query(insert(11, 1010));
    await probes.metricBecomes(IN_FLIGHT, (events) => events >= 100);
    await loseSlot(database);
    if (policy === 'halt') {
      await expectHalt(scenario, listener, confirmed);
      expect(await rows(scenario)).toBe('1-10');
      return;
    }
    const atLoss = await endOfWal(database);
    broker.refuse(false);
    await expectGap(listener, confirmed, atLoss);
    await walsenderPid(database, pid);
    await database.query(insert(2001, 2010));
    await scenario.caughtUp(CATCH_UP_MS);
    expect(await listener.terminate()).toEqual({ code: 0, signal: null });
    expect(await rows(scenario)).toMatch(/^1-10 (11-\d+ )?2001-2010$/);
  });
});
