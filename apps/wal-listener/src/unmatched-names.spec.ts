import { describe, expect, it } from 'vitest';
import { loadConfig } from '#lib/config';
import { unmatchedNames } from './unmatched-names.js';

const TABLES = [
  { schema: 'public', table: 'users', foundColumns: ['id', 'tenant'] },
  { schema: 'Audit', table: 'Log', foundColumns: ['id'] },
];

function messages(variables: Readonly<Record<string, string>>): readonly string[] {
  const env = { WAL_DATABASE_NAME: 'n', WAL_DATABASE_USER: 'u', WAL_PUBLISHER_TYPE: 'stdout', ...variables };
  const { config } = loadConfig({ env, cwd: '/nowhere', configPath: undefined });
  return unmatchedNames(config, TABLES).map(({ severity, message }) => `${severity} ${message}`);
}

describe('unmatchedNames', () => {
  it('has nothing to say about names that fit, in the case that counts there', () => {
    expect(
      messages({
        WAL_LISTENER_FILTER_TABLES: '{"users":["insert"],"Audit.Log":["insert"],"/^public/":["update"]}',
        WAL_LISTENER_INCLUDE_TABLES: '{"public.users":["insert"]}',
        WAL_LISTENER_EXCLUDE_TABLES: 'LOG,audit.log',
        WAL_LISTENER_EXCLUDE_SCHEMAS: 'AUDIT',
        WAL_PUBLISHER_MESSAGE_KEY_FROM: 'id,tenant',
      }),
    ).toEqual([]);
    expect(messages({ WAL_PUBLISHER_MESSAGE_KEY_FROM: '{"users":"id","Audit.Log":"id"}' })).toEqual([]);
    expect(messages({})).toEqual([]);
  });

  it('warns of names that fit no table, all of a key at once', () => {
    expect(
      messages({
        WAL_LISTENER_FILTER_TABLES: '{"userz":["insert"],"USERS":["insert"],"users":["insert"],"/^x/":[]}',
        WAL_LISTENER_INCLUDE_TABLES: '{"other.users":["insert"]}',
        WAL_LISTENER_EXCLUDE_TABLES: 'lock',
        WAL_LISTENER_EXCLUDE_SCHEMAS: 'audits',
        WAL_PUBLISHER_MESSAGE_KEY_FROM: 'tenant,region',
      }),
    ).toEqual([
      'warning listener.filter.tables: there is no published table userz; USERS; /^x/',
      'warning listener.include.tables: there is no published table other.users',
      'warning listener.exclude.tables: there is no published table lock',
      'warning listener.exclude.schemas: there is no published table in the schema audits',
      'warning publisher.messageKeyFrom: there is no published table with the columns tenant, region',
    ]);
    expect(messages({ WAL_PUBLISHER_MESSAGE_KEY_FROM: '{"user":"id"}' })).toEqual([
      'warning publisher.messageKeyFrom: there is no published table user',
    ]);
  });
});
