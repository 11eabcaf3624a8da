import { describe, expect, it } from 'vitest';
import { type BrokerUnderTest, TOPIC } from '../../e2e/support/broker-under-test.js';
import { arrivesComplete, survivesOwnKills } from '../../e2e/support/delivery-cases.js';
import { NatsBroker, readStream } from '../../e2e/support/nats-broker.js';
import { RabbitmqBroker } from '../../e2e/support/rabbitmq-broker.js';
import { blocksOf, pageOf } from '../../docs/support/page.js';
import { startNats } from '../../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../../support/postgres.js';
import { databaseVariables, startService } from '../../support/service.js';

const PAGE = pageOf('security.md');
const DEADLINE_MS = 60_000;

/** What the page says, word for word, but for the database's name. */
function documented(block: string, database = 'shop'): string {
  const [text, ...others] = blocksOf(PAGE, block);
  if (text === undefined || others.length > 0) throw new Error(`docs/security.md: one block \`${block}\` is wanted`);
  return text.replaceAll('DATABASE shop', `DATABASE "${database}"`);
}

/** As little as there can be: what PostgreSQL grants to everyone is taken away. */
async function bare(server: PostgresServer): Promise<void> {
  await server.query(`REVOKE ALL ON DATABASE "${server.database}" FROM PUBLIC`);
  await server.query('REVOKE ALL ON SCHEMA public FROM PUBLIC');
}

async function asRole(server: PostgresServer): Promise<void> {
  await bare(server);
  await server.query(documented('sql role', server.database));
  const [may] = await server.query(
    `SELECT has_table_privilege('wal', 'orders', 'SELECT, INSERT, UPDATE, DELETE') AS tables,
       has_schema_privilege('wal', 'public', 'USAGE') AS schema, rolsuper AS super FROM pg_roles WHERE rolname = 'wal'`,
  );
  expect(may).toEqual({ tables: false, schema: false, super: false });
}

async function asOwner(server: PostgresServer): Promise<void> {
  await asRole(server);
  await server.query(documented('sql owner', server.database));
}

const ROLE = { WAL_DATABASE_USER: 'wal', WAL_DATABASE_PASSWORD: 'secret' };
const startBroker = () => NatsBroker.start();

describe.each([15, 18] as const)('PostgreSQL %i, a role with what the page grants', (version) => {
  const env = { ...ROLE, WAL_LISTENER_CREATE_SLOT: 'never' };
  survivesOwnKills({ version, startBroker, env, prepare: asRole }, 4);
});

describe('PostgreSQL 18, the owner of the publication', () => {
  arrivesComplete({ version: 18, startBroker, env: ROLE, prepare: asOwner }, 2000);
});

describe('the privileges', () => {
  it('are enough for check and for making the slot, and not one of them can be spared', async () => {
    await using server = await startPostgres({ version: 18 });
    await server.query('CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY)');
    await asRole(server);
    const env = { ...databaseVariables(server), ...ROLE, WAL_PUBLISHER_TYPE: 'stdout' };
    const outcome = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
      await using child = startService({ ...env, ...more }, { args });
      const { code } = await child.waitForExit(DEADLINE_MS);
      return `${String(code)} ${[...child.stdout, ...child.stderr].join('\n')}`;
    };
    const statements = documented('sql objects').split('\n');
    for (const statement of statements.filter((line) => line.startsWith('CREATE'))) await server.query(statement);
    expect(await outcome(['check'])).toMatch(/^0 [^]*Ready to stream/);

    await using child = startService({ ...env, WAL_LISTENER_SLOT_NAME: 'made' });
    await child.waitForLine('"msg":"streaming"', DEADLINE_MS);
    await child.terminate();
    for (const statement of statements.filter((line) => !line.startsWith('CREATE'))) await server.query(statement);
    expect(await outcome(['check'], { WAL_LISTENER_CREATE_SLOT: 'never' })).toMatch(/^0 [^]*Ready to stream/);

    await server.query('ALTER ROLE wal NOREPLICATION');
    expect(await outcome(['check'])).toMatch(/^1 [^]*PG_PRIVILEGE[^]*ALTER ROLE "wal" REPLICATION;/);
    expect(await outcome([])).toMatch(/^1 [^]*PG_PRIVILEGE/);
    await server.query(`ALTER ROLE wal REPLICATION; REVOKE CONNECT ON DATABASE "${server.database}" FROM wal`);
    expect(await outcome([])).toMatch(/^1 [^]*PG_PRIVILEGE/);
    await server.query(`GRANT CONNECT ON DATABASE "${server.database}" TO wal; ALTER ROLE wal NOLOGIN`);
    expect(await outcome([])).toMatch(/^1 [^]*PG_AUTH/);
  });
});

describe('NATS, a user with what the page grants', () => {
  const permissions = documented('text nats');
  const config = `authorization { users: [
    { user: admin, password: a },
    { user: wal, password: w, permissions: { ${permissions} } }
  ] }`;
  const startLeast = async (): Promise<BrokerUnderTest> => {
    const server = await startNats({ config });
    return {
      env: {
        WAL_PUBLISHER_TYPE: 'nats',
        WAL_PUBLISHER_ADDRESS: server.url,
        WAL_PUBLISHER_USERNAME: 'wal',
        WAL_PUBLISHER_PASSWORD: 'w',
      },
      read: (ledger) => readStream(server.url, TOPIC, ledger, { user: 'admin', pass: 'a' }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  };
  survivesOwnKills({ version: 18, startBroker: startLeast }, 4);
});

describe('RabbitMQ, a user with what the page grants', () => {
  const startLeast = async (): Promise<BrokerUnderTest> => {
    const broker = await RabbitmqBroker.start();
    const [, configure = '', write = '', read = 'none'] =
      /'(.*)' '(.*)' '(.*)'/.exec(documented('text rabbitmq')) ?? [];
    await broker.server.ctl('add_user', 'wal', 'w');
    await broker.server.ctl('set_permissions', '-p', '/', 'wal', configure, write, read);
    return {
      env: { ...broker.env, WAL_PUBLISHER_USERNAME: 'wal', WAL_PUBLISHER_PASSWORD: 'w' },
      read: (ledger) => broker.read(ledger),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  };
  survivesOwnKills({ version: 18, startBroker: startLeast }, 4);
});
