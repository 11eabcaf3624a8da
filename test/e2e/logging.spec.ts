import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../support/child-process.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { builtEntry, databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 60_000;

let server: PostgresServer;
let nats: NatsServer;
let env: Record<string, string>;

beforeAll(async () => {
  [server, nats] = await Promise.all([startPostgres({ version: 18 }), startNats()]);
  await server.query('CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)');
  env = {
    ...databaseVariables(server),
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: nats.url,
    WAL_PUBLISHER_TOPIC: 'shop',
  };
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function insert(): Promise<unknown> {
  return server.query(`INSERT INTO users (name) VALUES ('a')`);
}

/** Waits until everything committed so far is confirmed by the slot. */
async function caughtUp(slot = 'wal_listener'): Promise<void> {
  const [end] = await server.query('SELECT pg_current_wal_insert_lsn() AS lsn');
  const sql = `SELECT confirmed_flush_lsn >= '${String(end?.['lsn'])}' AS done FROM pg_replication_slots WHERE slot_name = '${slot}'`;
  await waitFor(async () => (await server.query(sql))[0]?.['done'] === true, {
    what: 'all to be confirmed',
    deadlineMs: DEADLINE_MS,
  });
}

/** `level message` of each line. */
function lines(child: Child): string[] {
  return child.stdout.map((line) => {
    const { level, msg } = JSON.parse(line) as { level: string; msg: string };
    return `${level} ${msg}`;
  });
}

/** Takes the place of a server that ended: hangs up on so many connections. */
async function refuseConnections(port: number, count: number): Promise<void> {
  let refused = 0;
  const place = createServer((socket) => {
    refused += 1;
    socket.on('error', () => undefined).destroy();
  }).listen(port, '127.0.0.1');
  await waitFor(() => refused >= count, { what: `${String(count)} attempts to connect`, deadlineMs: 2 * DEADLINE_MS });
  place.close();
  await once(place, 'close');
}

describe('the log', () => {
  it('has one line per change of state, and one down and one up per outage', async () => {
    await using child = startService({ ...env, WAL_LISTENER_REFRESH_CONNECTION: '1s', WAL_LISTENER_MAX_PAUSE: '3s' });
    await child.waitForLine('"msg":"streaming"', DEADLINE_MS);
    await insert();
    await caughtUp();
    const calm = lines(child);
    expect(calm).toEqual([
      'info starting',
      expect.stringMatching(/^info stream "shop" created/),
      'info made a publication of all tables',
      'info made the replication slot',
      'info streaming',
    ]);

    // Longer than the service waits before it closes the replication connection; health checks fail too.
    await nats.stop();
    await insert();
    await child.waitForLine('cannot publish for now', DEADLINE_MS);
    await refuseConnections(nats.port, 9);
    await nats.start();
    await caughtUp();
    // What is said once of a stream that was there before is no news of the outage.
    const outage = lines(child).slice(calm.length);
    expect(outage.filter((line) => !line.endsWith('is used as it is'))).toEqual([
      expect.stringMatching(/^warn cannot publish for now/),
      expect.stringMatching(/^info (the broker takes events again|streaming)$/),
    ]);

    const ofDatabase = child.stdout.length;
    await server.stop('immediate');
    await child.waitForLine('PG_CONNECTION_LOST', DEADLINE_MS);
    await refuseConnections(server.port, 4);
    await server.startAgain();
    await waitFor(() => lines(child).slice(ofDatabase).includes('info streaming'), {
      what: () => `streaming again${child.lastOutput()}`,
      deadlineMs: DEADLINE_MS,
    });
    expect(lines(child).slice(ofDatabase)).toEqual([
      'warn the attempt failed; trying again until it succeeds',
      'info streaming',
    ]);

    const before = child.stdout.length;
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
    expect(lines(child).slice(before)).toEqual(['info stopping', 'info stopped']);
    expect(child.stderr).toEqual([]);
  });

  it('goes to stderr when events are on stdout, in one line each, whatever the form', async () => {
    const stdout = {
      WAL_PUBLISHER_TYPE: 'stdout',
      WAL_LISTENER_SLOT_NAME: 'second',
      WAL_LOGGER_LEVEL: 'debug',
      WAL_LOGGER_FMT: 'text',
    };
    await using child = startService({ ...env, ...stdout });
    await child.waitForLine(' streaming ', DEADLINE_MS);
    await insert();
    await waitFor(() => child.stdout.length > 0, { what: 'the event', deadlineMs: DEADLINE_MS });
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
    for (const line of child.stdout) expect(JSON.parse(line)).toMatchObject({ table: 'users', action: 'INSERT' });
    for (const line of child.stderr) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z (DEBUG|INFO |WARN |ERROR) \S/);
    expect(child.stderr.at(-1)).toMatch(/ INFO {2}stopped/);
  });

  it('that nobody reads any more does not stop the service, which says so on stderr', async () => {
    const third = { WAL_LISTENER_SLOT_NAME: 'third' };
    const script = 'exec "$0" "$1" > >(head -n 1)';
    await using child = Child.start('bash', {
      args: ['-c', script, process.execPath, builtEntry()],
      cwd: tmpdir(),
      env: { ...env, ...third },
    });
    await child.waitForLine('the service goes on without it', DEADLINE_MS);
    await waitFor(
      async () =>
        (await server.query(`SELECT 1 FROM pg_replication_slots WHERE slot_name = 'third' AND active`)).length > 0,
      {
        what: 'the slot to be streamed from',
        deadlineMs: DEADLINE_MS,
      },
    );
    await insert();
    await caughtUp('third');
    expect(child.stdout).toHaveLength(1);
    expect(child.stderr).toEqual([
      'wal-listener: the log on stdout cannot be written (EPIPE); the service goes on without it',
    ]);
    expect(await child.terminate()).toEqual({ code: 0, signal: null });
  });
});
