import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { POSTGRES_VERSIONS, startPostgres, type PostgresServer } from '../../support/postgres.js';
import { waitFor } from '../../support/wait-for.js';
import { configFor, newDatabase, openStream, sourceFor } from './support/source.js';

describe.each(POSTGRES_VERSIONS)('streaming from PostgreSQL %i', (version) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ version });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('delivers committed rows in order and identifies the history', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    using open = await openStream(sourceFor(configFor(server, database.name)));
    await database.query("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g");
    await database.query("INSERT INTO t VALUES (1001, 'y')");
    await waitFor(() => open.sink.rows.length === 1001, { what: '1001 rows' });
    expect(open.sink.keys).toEqual(Array.from({ length: 1001 }, (_, index) => String(index + 1)));
    const { identity, knownTables } = open.stream;
    const [system] = await database.query('SELECT system_identifier::text AS id FROM pg_control_system()');
    expect(identity.systemIdentifier).toBe(system?.['id']);
    expect(identity.publications).toEqual(['wal-listener']);
    expect(Math.trunc(identity.serverVersion / 10000)).toBe(version);
    expect(knownTables).toMatchObject([{ schema: 'public', table: 't', primaryKey: ['id'] }]);
    await open.stream.stop(5000);
    await open.stream.closed;
  });

  it('neither loses nor repeats a commit when stopped after each of a row of adjacent ones', async () => {
    const database = await newDatabase(server);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const config = configFor(server, database.name);
    const first = await openStream(sourceFor(config));
    await first.stream.stop(5000);
    // One session, so that nothing but these commits comes between them.
    await database.query(
      Array.from({ length: 12 }, (_, id) => `BEGIN; INSERT INTO t VALUES (${id}); COMMIT;`).join(''),
    );
    const seen: (string | null)[] = [];
    for (let round = 0; round < 12; round += 1) {
      using open = await openStream(sourceFor(config));
      open.sink.confirms = false;
      await waitFor(() => open.sink.transactions.length > 0, { what: `commit ${round}` });
      const [transaction] = open.sink.transactions;
      seen.push(...(transaction?.rows ?? []).map(([id]) => id ?? null));
      open.stream.confirm(transaction?.endLsn ?? 0n);
      await open.stream.stop(5000);
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, id) => String(id)));
  });
});
