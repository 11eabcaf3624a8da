import { describe, expect, it } from 'vitest';
import { errorOf, loadIn } from '../testing/load.js';

const PUBLISHER = { WAL_PUBLISHER_TYPE: 'stdout' };

function database(env: Record<string, string>, file?: string) {
  const files = file === undefined ? undefined : { '/app/config.yml': file };
  return loadIn({ env: { ...PUBLISHER, ...env }, files }).config.database;
}

describe('database.url', () => {
  it('sets every part, percent-decoded', () => {
    const url = 'postgres://us%40er:p%3Aa%2Fss%25@db1:6432/my%20db?sslmode=verify-ca&sslrootcert=%2Fca.pem';
    expect(database({ WAL_DATABASE_URL: url })).toMatchObject({
      hosts: ['db1'],
      port: 6432,
      name: 'my db',
      user: 'us@er',
      password: 'p:a/ss%',
      ssl: { mode: 'verify-ca', caCert: '/ca.pem' },
    });
  });

  it.each([
    ['postgresql://u@h/d', { hosts: ['h'], port: 5432, password: '' }],
    ['postgres://u:p@h1,h2:5432/d', { hosts: ['h1', 'h2'], port: 5432 }],
    ['postgres://u:p@h1:6000,h2:6000/d', { hosts: ['h1', 'h2'], port: 6000 }],
    ['postgres://u:p@[::1]:6000/d', { hosts: ['::1'], port: 6000 }],
    ['postgres://u:p@[2001:db8::7]/d', { hosts: ['2001:db8::7'], port: 5432 }],
    ['postgres://u:p@%2Fvar%2Frun/d', { hosts: ['/var/run'], port: 5432 }],
    ['postgres:///d?host=h&port=7000&user=u&password=x%26y', { hosts: ['h'], port: 7000, password: 'x&y' }],
    ['postgres://u:p@ss@h/d', { hosts: ['h'], password: 'p@ss' }],
    ['postgres://u@h/d?sslmode=disable', { ssl: { mode: 'disable' } }],
    ['postgres://u@h/d?sslmode=require', { ssl: { mode: 'require' } }],
  ])('reads %s', (url, expected) => {
    expect(database({ WAL_DATABASE_URL: url })).toMatchObject({ name: 'd', user: 'u', ...expected });
  });

  it('yields to single keys of the same place, and wins over those of a weaker one', () => {
    const url = 'postgres://u:p@h:6000/d?sslmode=disable';
    expect(
      database({ WAL_DATABASE_URL: url, WAL_DATABASE_HOST: 'other', WAL_LISTENER_DB_PASSWORD: 'q' }),
    ).toMatchObject({
      hosts: ['other'],
      port: 6000,
      password: 'q',
    });
    const file = `database: {host: filehost, port: 7000, enableTLS: true, password: filepassword}`;
    expect(database({ WAL_DATABASE_URL: 'postgres://u@h/d?sslmode=disable' }, file)).toMatchObject({
      hosts: ['h'],
      port: 7000,
      password: 'filepassword',
      ssl: { mode: 'disable' },
    });
    expect(database({ WAL_DATABASE_HOST: 'envhost' }, `database: {url: "${url}"}`)).toMatchObject({
      hosts: ['envhost'],
      name: 'd',
    });
  });

  it.each([
    ['mysql://u:hunter2@h/d', 'postgres://user'],
    ['postgres://u:hunter2@h:1,i:2/d', 'same port'],
    ['postgres://u:hunter2%zz@h/d', 'percent-encoding'],
    ['postgres://u:hunter2@h:x/d', 'host:'],
    ['postgres://u:hunter2@h/d?sslmoed=require', 'sslmode'],
  ])('refuses %s without showing it', (url) => {
    const error = errorOf({ env: { ...PUBLISHER, WAL_DATABASE_URL: url } });
    expect(error.faults).toMatchObject([{ kind: 'invalid', path: 'database.url', source: 'WAL_DATABASE_URL' }]);
    expect(error.message).not.toContain('hunter2');
  });

  it('refuses an sslmode that would fall back to plain text', () => {
    expect(
      errorOf({ env: { ...PUBLISHER, WAL_DATABASE_URL: 'postgres://u@h/d?sslmode=prefer' } }).faults,
    ).toMatchObject([{ path: 'database.sslMode', found: '"prefer"', source: 'WAL_DATABASE_URL' }]);
  });

  it('names parameters that have no effect', () => {
    const url = 'postgres://u@h/d?application_name=x&connect_timeout=3';
    expect(loadIn({ env: { ...PUBLISHER, WAL_DATABASE_URL: url } }).warnings).toEqual([
      'the parameter application_name of database.url (WAL_DATABASE_URL) has no effect',
      'the parameter connect_timeout of database.url (WAL_DATABASE_URL) has no effect',
    ]);
  });
});
