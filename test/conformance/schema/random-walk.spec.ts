import { describe, expect, it } from 'vitest';
import { startNats } from '../../support/nats-server.js';
import { POSTGRES_VERSIONS, startPostgres } from '../../support/postgres.js';
import { mulberry32 } from '../../support/random.js';
import { RandomWalk } from './support/random-walk.js';
import { natsVariables, World } from './support/world.js';

const STEPS = 300;

/** WAL_LISTENER_SCHEMA_SEED walks the way of an earlier run again. */
function chosenSeed(): number {
  const given = process.env['WAL_LISTENER_SCHEMA_SEED'];
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

describe.each(POSTGRES_VERSIONS)('DDL and DML by chance on PostgreSQL %i', (version) => {
  const seed = chosenSeed();

  it(`arrive as they happened, through kills and stops (WAL_LISTENER_SCHEMA_SEED=${String(seed)})`, async () => {
    await using server = await startPostgres({ version });
    await using nats = await startNats();
    await using world = await World.create(server, 'walk', 'FOR ALL TABLES', natsVariables(nats, 'walk'));
    const walk = new RandomWalk(world.oracle, mulberry32(seed));
    await world.whileRestarting(() => walk.walk(STEPS));
    const listener = await world.startAndStream();
    await world.caughtUp();
    await listener.terminate();
    const received = await world.received();
    world.expectAllOf(received);
    expect(received.bodies.size).toBeGreaterThan(STEPS / 10);
    expect(received.differencesFromLedger(await world.reference())).toEqual([]);
  });
});
