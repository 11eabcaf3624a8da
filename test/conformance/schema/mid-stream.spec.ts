import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNats, type NatsServer } from '../../support/nats-server.js';
import { POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../../support/postgres.js';
import { identitiesOfPartitions, partitions, partitionsThroughRoot } from './support/partition-areas.js';
import { columnLists, membership, options, rowFilters, wholeSchemas } from './support/publication-areas.js';
import { columns, identities, keys, names, newTables, takenBack, types, type Area } from './support/table-areas.js';
import { natsVariables, World } from './support/world.js';

const TABLE_AREAS: Readonly<Record<string, Area>> = {
  columns,
  types,
  names,
  identities,
  keys,
  newTables,
  takenBack,
  partitions,
  partitionsThroughRoot,
  identitiesOfPartitions,
};
const PUBLICATION_AREAS: Readonly<Record<string, Area>> = {
  membership,
  options,
  columnLists,
  rowFilters,
  wholeSchemas,
};

/** Each area in many transactions and in one, in schemas of their own. */
async function runAll(world: World, areas: Readonly<Record<string, Area>>, phase: string): Promise<void> {
  const { oracle } = world;
  for (const [name, area] of Object.entries(areas)) {
    for (const kind of ['many', 'one'] as const) {
      const schema = `${phase}_${kind}_${name}`.toLowerCase();
      await oracle.ddl(`CREATE SCHEMA ${schema}; SET search_path = ${schema}`);
      if (kind === 'many') await area(oracle);
      else await oracle.transaction(() => area(oracle));
    }
  }
}

describe.each(POSTGRES_VERSIONS)('schema changes on PostgreSQL %i', (version) => {
  let server: PostgresServer;
  let nats: NatsServer;

  beforeAll(async () => {
    [server, nats] = await Promise.all([startPostgres({ version }), startNats()]);
  });

  afterAll(async () => {
    await nats[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  describe.each([
    { what: 'tables', scope: 'FOR ALL TABLES', areas: TABLE_AREAS },
    { what: 'publication', scope: '', areas: PUBLICATION_AREAS },
  ])('of the $what', ({ what, scope, areas }) => {
    let world: World;

    beforeAll(async () => {
      world = await World.create(server, what, scope, natsVariables(nats, what));
    });

    afterAll(() => world[Symbol.asyncDispose]());

    it('while the program is up: every event has the columns of its own moment', async () => {
      const listener = await world.startAndStream();
      await runAll(world, areas, 'up');
      await world.caughtUp();
      expect(await listener.terminate()).toEqual({ code: 0, signal: null });
      world.expectAllOf(await world.received());
    });

    it('while it is down, and it starts afterwards', async () => {
      await runAll(world, areas, 'down');
      const listener = await world.startAndStream();
      await world.caughtUp();
      expect(await listener.terminate()).toEqual({ code: 0, signal: null });
      world.expectAllOf(await world.received());
    });

    it('while it is killed and stopped in the middle', async () => {
      const restarts = await world.whileRestarting(() => runAll(world, areas, 'restarting'));
      await world.startAndStream();
      await world.caughtUp();
      world.expectAllOf(await world.received());
      expect(restarts).toBeGreaterThan(1);
    });

    it('and one who reads all of it afterwards finds the same events under the same ids', async () => {
      const reference = await world.reference();
      world.expectAllOf(reference);
      expect((await world.received()).differencesFromLedger(reference)).toEqual([]);
    });
  });
});
