import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { canary, DEADLINE_MS, IN_ADDRESS, IN_ROW, LeakHunt } from './support/leak-hunt.js';

let hunt: LeakHunt;
beforeAll(async () => {
  hunt = await LeakHunt.start();
  await hunt.server.query('CREATE TABLE users (id int PRIMARY KEY, name text)');
  await hunt.server.query('ALTER TABLE users REPLICA IDENTITY FULL; CREATE PUBLICATION rows FOR TABLE users');
});
afterAll(() => hunt[Symbol.asyncDispose]());

describe('the service writes no secret', () => {
  it('whatever refuses it', async () => {
    const address = `amqp://me:${encodeURIComponent(IN_ADDRESS.value)}@127.0.0.1:1/v`;
    await Promise.all([
      hunt.runToEnd('a wrong password', {
        ...hunt.talkative(),
        WAL_DATABASE_PASSWORD: canary('database.password').value,
      }),
      hunt.runUntil('the attempt failed', 'no broker', {
        ...hunt.talkative(),
        WAL_LOGGER_FMT: 'text',
        WAL_PUBLISHER_TYPE: 'rabbitmq',
        WAL_PUBLISHER_ADDRESS: address,
      }),
    ]);
    await Promise.all([
      hunt.runToEnd('a wrong password at the broker', {
        ...hunt.talkative(),
        WAL_PUBLISHER_PASSWORD: IN_ADDRESS.value,
      }),
      hunt.runUntil(/the attempt failed|"code":"BROKER_/, 'a parrot', {
        ...hunt.anonymous(),
        WAL_PUBLISHER_TOKEN: canary('publisher.token').value,
        WAL_PUBLISHER_ADDRESS: hunt.parrotAddress,
      }),
    ]);
    expect(hunt.leaks()).toEqual([]);
    // There was something to look at.
    expect(hunt.receiver.codes()).toEqual(expect.arrayContaining(['PG_AUTH', 'BROKER_AUTH']));
  });

  it('when a defect ends it, with the secrets in the error', async () => {
    const { password } = hunt.server;
    const hook = `process.once('SIGHUP',()=>{const e=new TypeError('with '+process.env.WAL_PUBLISHER_PASSWORD,{cause:new Error(process.env.WAL_PUBLISHER_PASSWORD)});e.config={...process.env};Promise.reject(e)})`;
    const hooked = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
    await using child = hunt.start('a defect', { ...hunt.talkative(), ...hooked, WAL_LISTENER_SLOT_NAME: 'defect' });
    await child.waitForLine('"msg":"streaming"', DEADLINE_MS);
    child.signal('SIGHUP');
    expect((await child.waitForExit(DEADLINE_MS)).code, child.lastOutput()).toBe(1);
    hunt.evidence.addOutput('a defect', child);
    expect(hunt.leaks()).toEqual([]);
    expect(hunt.evidence.holds(`"${password}"`)).toBe(false);
    expect(hunt.receiver.codes()).toContain('INTERNAL');
    expect(hunt.evidence.holds('"msg":"SQL"')).toBe(true);
  });

  it('nor a value of a row, whatever becomes of the row', async () => {
    const rows = { WAL_LISTENER_SLOT_NAME: 'rows', WAL_LISTENER_PUBLICATION: 'rows' };
    const large = {
      WAL_PUBLISHER_ON_POISON: 'deadLetter',
      WAL_PUBLISHER_METADATA: 'true',
      WAL_PUBLISHER_MESSAGE_KEY_FROM: 'name',
    };
    const name = IN_ROW.value.replaceAll("'", "''");
    await hunt.server.query(`SELECT pg_create_logical_replication_slot('rows', 'pgoutput')`);
    await hunt.server.query(`INSERT INTO users VALUES (1, '${name}'), (2, repeat('${name}', 2000)), (3, '${name}')`);
    await hunt.server.query(`UPDATE users SET name = name || '!'; DELETE FROM users WHERE id < 3`);
    await hunt.runUntil(/dead.?letter/i, 'rows that are too large', { ...hunt.talkative(), ...rows, ...large });

    // PostgreSQL's own error quotes the row.
    await hunt.server.query(`CREATE PUBLICATION filtered FOR TABLE users WHERE (parse_ident(name) <> '{}')`);
    await hunt.server.query(`SELECT pg_create_logical_replication_slot('filtered', 'pgoutput')`);
    await hunt.server.query(`INSERT INTO users VALUES (4, '${name}')`);
    const filtered = { WAL_LISTENER_SLOT_NAME: 'filtered', WAL_LISTENER_PUBLICATION: 'filtered' };
    await hunt.runToEnd('a row filter that fails', { ...hunt.talkative(), ...filtered });
    expect(hunt.evidence.holds('22023')).toBe(true);

    const client = await hunt.nats.client({ user: 'wal', pass: canary('publisher.password').value });
    const { streams } = await client.jetstreamManager();
    const letter = await waitFor(() => streams.getMessage('shop', { last_by_subj: 'shop.dead_letter' }), {
      what: 'a dead letter',
    });
    hunt.evidence.add('the dead letter', JSON.stringify([...letter.header].map(String)) + letter.string());
    await client.close();
    expect(hunt.leaks()).toEqual([]);
  });
});
