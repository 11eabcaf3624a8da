import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Scenario } from '../../e2e/support/scenario.js';
import { Random } from '../../support/random.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import type { FaultKind, Victims } from './fault.js';
import { faultKinds } from './faults.js';
import { Replicas } from './replicas.js';
import { PlacedLedger, SlotWitness } from './slot-witness.js';
import type { StormBroker } from './storm-broker.js';

const VERSION = 18;
/** A base (that of Pub/Sub's client is the largest), the limit of what is in flight, a few rows: however long a storm. */
const RSS_LIMIT_BYTES = 256e6;
/** In a flood much is in flight; in a trickle each event shows whether the slot waits for it. */
const PACES = [1, 1, 20];
const CATCH_UP_MS = 240_000;

/** Time limits far below what a storm brings, so that each of them strikes. */
const SHORT_LIMITS = {
  WAL_LISTENER_ACK_TIMEOUT: '3s',
  WAL_LISTENER_HEARTBEAT_INTERVAL: '1s',
  WAL_LISTENER_REFRESH_CONNECTION: '2s',
  WAL_LISTENER_MAX_PAUSE: '4s',
  WAL_SHUTDOWN_TIMEOUT: '5s',
};

const seed = numberFrom('WAL_LISTENER_CHAOS_SEED', Math.floor(Math.random() * 1e6));
const minutes = numberFrom('WAL_LISTENER_CHAOS_MINUTES', 2);
const duration = `${String(minutes)} minutes`;

function numberFrom(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? '';
  const value = text === '' ? otherwise : Number(text);
  if (!(value >= 0)) throw new Error(`${variable} is not a number: ${text}`);
  return value;
}

export interface StormCase {
  readonly start: () => Promise<StormBroker>;
  /** Between two transactions of each of the eight writers. */
  readonly pauseMs: number;
}

/**
 * Eight writers, and faults of every kind that a seed draws, one or two at a time; then the check. The schedule is
 * printed as it goes. WAL_LISTENER_CHAOS_SEED repeats it, WAL_LISTENER_CHAOS_MINUTES is how long it goes on.
 */
export function weathersAStorm({ start, pauseMs }: StormCase): void {
  const timeout = minutes * 60_000 + 900_000;
  it(`loses, changes and reorders nothing in a storm of ${duration} (seed ${String(seed)})`, { timeout }, async () => {
    await using scenario = await Scenario.start(VERSION, start, SHORT_LIMITS);
    await using databaseNetwork = await TcpProxy.start(scenario.database.port);
    await using replicas = new Replicas(scenario, { WAL_DATABASE_PORT: String(databaseNetwork.port) });
    const victims = { database: scenario.database, databaseNetwork, broker: scenario.broker, replicas };
    const writers = scenario.writers(seed % 100);
    writers.start(pauseMs);
    await scenario.confirmsBeyond(await scenario.confirmedLsn());
    await using witness = new SlotWitness(scenario);
    await rage(victims, (slower) => writers.pace(pauseMs * slower));
    say('calm');
    await writers.stop();
    await scenario.caughtUp(CATCH_UP_MS);
    await replicas.stopAll();
    await witness[Symbol.asyncDispose]();
    const { repeats, events } = await expectWeathered(scenario, witness, replicas);
    say(
      `${String(events)} events, ${String(repeats)} repeats, ${String(witness.samples.length)} samples, ` +
        `${String(replicas.started)} processes, ${String(Math.round(replicas.peakRssBytes / 1e6))} MB at most`,
    );
  });
}

let began = 0;
function say(what: string): void {
  process.stdout.write(`  +${((performance.now() - began) / 1000).toFixed(1)} s ${what}\n`);
}

async function rage(victims: Victims, pace: (slower: number) => void): Promise<void> {
  began = performance.now();
  say(`storm with WAL_LISTENER_CHAOS_SEED=${String(seed)} WAL_LISTENER_CHAOS_MINUTES=${String(minutes)}`);
  const random = new Random(seed);
  const kinds = faultKinds(victims.broker);
  while (performance.now() - began < minutes * 60_000) {
    const chosen = [random.pick(kinds)];
    const others = kinds.filter(({ targets }) => !targets.some((target) => chosen[0].targets.includes(target)));
    if (others.length > 0 && random.chance(0.4)) chosen.push(random.pick(others));
    const rest = random.between(0, 2500);
    const slower = random.pick(PACES);
    pace(slower);
    say(slower > 1 ? 'a trickle' : 'a flood');
    await strikeTogether(victims, chosen, random);
    await delay(rest);
  }
}

async function strikeTogether(victims: Victims, chosen: readonly FaultKind[], random: Random): Promise<void> {
  const faults = chosen.map((kind) => kind.draw(random));
  for (const { what } of faults) say(what);
  const ends = await Promise.allSettled(faults.map((fault) => fault.strike(victims)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function expectWeathered(scenario: Scenario<StormBroker>, witness: SlotWitness, replicas: Replicas) {
  expect(replicas.faults).toEqual([]);
  const found = new PlacedLedger();
  await scenario.broker.read(found);
  expect(await found.differencesFrom(scenario.database)).toEqual([]);
  const reference = await scenario.reference();
  expect(found.differencesFromLedger(reference)).toEqual([]);
  expect(witness.samples.length).toBeGreaterThan(10);
  expect(witness.unacknowledged(reference.bodies.keys(), found)).toEqual([]);
  expect(replicas.peakRssBytes).toBeLessThan(RSS_LIMIT_BYTES);
  return { events: found.bodies.size, repeats: found.repeats };
}
