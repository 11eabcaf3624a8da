import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Child } from '../support/child-process.js';
import { startNats, type NatsServer } from '../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { databaseVariables, startService } from '../support/service.js';
import { waitFor } from '../support/wait-for.js';
import { type ReceivedEvent, SentryReceiver } from './support/sentry-receiver.js';

const EXIT_DEADLINE_MS = 60_000;
/** Texts that must not turn up anywhere: in no report, no log line, no message on stderr. */
const CANARIES = {
  row: 'canary-of-a-row-value',
  databasePassword: 'canary/of+a=database-password',
  brokerPassword: 'canary-of-a-broker-password',
  dsnSecret: 'canary0of0a0dsn',
};

let server: PostgresServer;
let nats: NatsServer;
let receiver: SentryReceiver;
let env: Record<string, string>;

beforeAll(async () => {
  [server, nats, receiver] = await Promise.all([startPostgres({ version: 18 }), startNats(), SentryReceiver.start()]);
  await server.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
  env = {
    ...databaseVariables(server),
    WAL_PUBLISHER_TYPE: 'nats',
    WAL_PUBLISHER_ADDRESS: `nats://me:${CANARIES.brokerPassword}@${nats.address}`,
    WAL_PUBLISHER_TOPIC: 'shop',
    WAL_LISTENER_SLOT_NAME: 'shop_slot',
    WAL_MONITORING_SENTRY_DSN: receiver.dsn(CANARIES.dsnSecret),
    WAL_LOGGER_LEVEL: 'debug',
  };
});
beforeEach(() => {
  receiver.answer = 200;
  receiver.forget();
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** What has arrived by the time the program has ended. */
async function reportsAfterExit(child: Child, code: number): Promise<readonly ReceivedEvent[]> {
  const exit = await child.waitForExit(EXIT_DEADLINE_MS);
  const arrived = [...receiver.events];
  expect(exit, child.lastOutput()).toEqual({ code, signal: null });
  return arrived;
}

/** Runs this in the program before its own code. */
function preloaded(code: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

function expectNoCanaries(child: Child): void {
  const everything = [...receiver.raw, ...child.stdout, ...child.stderr].join('\n');
  for (const canary of Object.values(CANARIES)) {
    expect(everything).not.toContain(canary);
    expect(everything).not.toContain(encodeURIComponent(canary));
  }
}

describe('Sentry', () => {
  it('hears of an outage once, not of every attempt', async () => {
    await nats.stop();
    await using child = startService(env);
    const attempts = () => child.stdout.filter((line) => line.includes('the attempt failed')).length;
    await waitFor(() => attempts() >= 4, { what: 'some attempts', deadlineMs: 60_000 });
    await nats.start();
    await child.waitForLine('"msg":"streaming"', 60_000);
    await server.query(`INSERT INTO users VALUES (1, '${CANARIES.row}')`);
    await server.query(`UPDATE users SET name = name || '!'`);
    const confirmed = `SELECT confirmed_flush_lsn >= pg_current_wal_lsn() AS done FROM pg_replication_slots`;
    await waitFor(async () => (await server.query(confirmed))[0]?.['done'] === true, {
      what: 'all to be confirmed',
      deadlineMs: 60_000,
    });

    await nats.stop();
    await server.query(`INSERT INTO users VALUES (2, '${CANARIES.row}')`);
    await waitFor(() => receiver.events.length >= 2, { what: 'the second outage to be reported', deadlineMs: 60_000 });
    await nats.start();
    await child.waitForLine('takes events again', 60_000);
    child.signal('SIGTERM');

    const reports = await reportsAfterExit(child, 0);
    expect(reports.map(({ level, tags }) => [level, tags['code']])).toEqual([
      ['error', 'BROKER_UNREACHABLE'],
      ['error', 'BROKER_UNREACHABLE'],
    ]);
    expect(reports[0]?.tags).toMatchObject({ slot: 'shop_slot', publisher: 'nats' });
    expect(reports[0]?.release).toMatch(/^wal-listener@\d+\.\d+\.\d+$/);
    expectNoCanaries(child);
  });

  it('has a defect, with its stack, before the program has ended', async () => {
    const secret = CANARIES.brokerPassword;
    const hook = `process.once('SIGHUP',()=>{Promise.reject(new TypeError('provoked with ${secret}'))})`;
    await using child = startService({ ...env, ...preloaded(hook) });
    await child.waitForLine('"msg":"streaming"', 60_000);
    child.signal('SIGHUP');

    const [report, ...others] = await reportsAfterExit(child, 1);
    expect(others).toEqual([]);
    expect(report).toMatchObject({ level: 'fatal', tags: { code: 'INTERNAL' }, extra: { cause: 'TypeError' } });
    const [exception] = report?.exception.values ?? [];
    expect(exception?.value).toBe('provoked with ***');
    expect(exception?.stacktrace?.frames.length).toBeGreaterThan(0);
    expectNoCanaries(child);
  });

  it('has a message that the broker cannot take: slot, table and LSN, and nothing of the row', async () => {
    await using child = startService(env);
    await child.waitForLine('"msg":"streaming"', 60_000);
    await server.query(`INSERT INTO users VALUES (3, repeat('${CANARIES.row}', 100000))`);

    const [report, ...others] = await reportsAfterExit(child, 1);
    expect(others).toEqual([]);
    expect(report).toMatchObject({ level: 'fatal', tags: { code: 'POISON', slot: 'shop_slot' } });
    expect(report?.tags['table']).toMatch(/users$/);
    expect(report?.tags['lsn']).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(report?.fingerprint).toContain('POISON');
    expect(report?.extra['remedy']).not.toBe('');
    expectNoCanaries(child);
  });

  it('has what PostgreSQL says of a row without the row', async () => {
    await server.query(`ALTER TABLE users REPLICA IDENTITY FULL`);
    await server.query(`CREATE PUBLICATION filtered FOR TABLE users WHERE (parse_ident(name) <> '{}')`);
    await server.query(`SELECT pg_create_logical_replication_slot('filtered', 'pgoutput')`);
    await server.query(`INSERT INTO users VALUES (4, '${CANARIES.row}')`);
    const filtered = { WAL_LISTENER_SLOT_NAME: 'filtered', WAL_LISTENER_PUBLICATION: 'filtered' };
    await using child = startService({ ...env, ...filtered });

    const reports = await reportsAfterExit(child, 1);
    expect(reports).toHaveLength(2);
    expect(reports[1]).toMatchObject({ level: 'fatal', tags: { slot: 'filtered', sqlstate: '22023' } });
    expectNoCanaries(child);
  });

  it('has a lost slot, and a refused password, before the program has ended', async () => {
    await server.query(`SELECT pg_drop_replication_slot('shop_slot')`);
    await using lost = startService(env);
    expect(await reportsAfterExit(lost, 1)).toMatchObject([
      { level: 'fatal', tags: { code: 'SLOT_LOST', slot: 'shop_slot' } },
    ]);
    receiver.forget();

    const wrong = { WAL_DATABASE_PASSWORD: CANARIES.databasePassword };
    await using refused = startService({ ...env, ...wrong });
    expect(await reportsAfterExit(refused, 1)).toMatchObject([
      { level: 'fatal', tags: { code: 'PG_AUTH', sqlstate: '28P01' } },
    ]);
    for (const child of [lost, refused]) expectNoCanaries(child);
  });

  it('has what keeps the service from starting, and is not even loaded without a DSN', async () => {
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    const port = String((taken.address() as AddressInfo).port);
    const hook = `import{Module}from'node:module';process.on('exit',()=>console.error('modules of Sentry: '+Object.keys(Module._cache).filter(f=>f.includes('/@sentry/')).length))`;
    const variables = { ...env, WAL_LISTENER_SERVER_PORT: port, ...preloaded(hook) };
    const sentryModules = (child: Child) => Number(/modules of Sentry: (\d+)/.exec(child.stderr.join('\n'))?.[1]);

    await using reporting = startService(variables);
    expect(await reportsAfterExit(reporting, 2)).toMatchObject([{ level: 'fatal', tags: { code: 'CONFIG_INVALID' } }]);
    expect(sentryModules(reporting)).toBeGreaterThan(0);
    expectNoCanaries(reporting);
    receiver.forget();
    await using silent = startService({ ...variables, WAL_MONITORING_SENTRY_DSN: '' });
    expect(await reportsAfterExit(silent, 2)).toEqual([]);
    expect(sentryModules(silent)).toBe(0);
    taken.close();
  });

  it.each(['stall', 429, 500] as const)('that answers %s keeps nothing from running or ending', async (answer) => {
    receiver.answer = answer;
    await using child = startService({ ...env, WAL_DATABASE_PASSWORD: CANARIES.databasePassword });
    expect(await reportsAfterExit(child, 1)).toHaveLength(1);
    const warnings = child.stdout.filter((line) => line.includes('did not reach Sentry'));
    expect(warnings).toHaveLength(answer === 'stall' ? 0 : 1);
    expectNoCanaries(child);
  });
});
