import type { Oracle } from './oracle.js';

/** Statements that belong together; run once as one transaction and once as many. */
export type Area = (db: Oracle) => Promise<void>;

export const columns: Area = async (db) => {
  await db.ddl('CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL, price numeric, big text)');
  await db.ddl('ALTER TABLE things ALTER big SET STORAGE EXTERNAL');
  await db.insert('things', { id: '1', name: "'one'", price: '1.50', big: `repeat('x', 4000)` });
  await db.ddl(
    `ALTER TABLE things ADD COLUMN flag boolean NOT NULL DEFAULT true, ADD COLUMN at timestamptz DEFAULT '2024-05-06 07:08:09.5Z'`,
  );
  await db.update('things', { name: "'uno'" }, 'id = 1');
  await db.insert('things', { id: '2', name: "'two'", flag: 'false' });
  await db.ddl('ALTER TABLE things RENAME COLUMN name TO label');
  await db.update('things', { label: "'eins'" }, 'id = 1');
  await db.ddl('ALTER TABLE things DROP COLUMN price');
  await db.update('things', { label: "'jedan'" }, 'id = 1');
  await db.ddl('ALTER TABLE things ALTER COLUMN label TYPE int USING length(label)');
  await db.update('things', { flag: 'false' }, 'id = 1');
  await db.ddl('ALTER TABLE things ALTER COLUMN id TYPE text');
  await db.update('things', { label: '7' }, "id = '2'");
  await db.ddl('ALTER TABLE things ADD COLUMN price jsonb');
  await db.update('things', { price: `'{"n": 12345678901234567890}'` }, "id = '1'");
  await db.ddl('ALTER TABLE things RENAME COLUMN id TO "Key ""of"" things"');
  await db.update('things', { 'Key "of" things': "'3'" }, `"Key ""of"" things" = '2'`);
  await db.ddl(`ALTER TABLE things ADD COLUMN twice int GENERATED ALWAYS AS (label * 2) STORED`);
  await db.insert('things', { 'Key "of" things': "'4'", label: '4' });
  await db.remove('things', `"Key ""of"" things" = '1'`);
};

export const types: Area = async (db) => {
  await db.ddl(`CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN age AS int`);
  await db.ddl('CREATE TABLE people (id int8 PRIMARY KEY, v int, m mood, a age)');
  await db.insert('people', { id: '1', v: '1', m: "'sad'", a: '30' });
  await db.ddl(`ALTER TYPE mood RENAME VALUE 'sad' TO 'low'; ALTER TYPE mood RENAME TO feeling`);
  await db.update('people', { a: '31' }, 'id = 1');
  for (const type of [
    'bigint',
    'numeric',
    'text',
    'boolean USING v::int::boolean',
    'text',
    'jsonb USING to_jsonb(v)',
  ]) {
    await db.ddl(`ALTER TABLE people ALTER v TYPE ${type}`);
    await db.update('people', { a: 'a + 1' }, 'id = 1');
  }
  await db.ddl('ALTER TABLE people ALTER a TYPE int, ALTER m TYPE text, ALTER id TYPE int');
  await db.update('people', { id: '2' }, 'id = 1');
};

export const names: Area = async (db) => {
  await db.ddl('CREATE TABLE first (id int PRIMARY KEY, note text)');
  await db.insert('first', { id: '1', note: "'a'" });
  await db.ddl('ALTER TABLE first RENAME TO second');
  await db.update('second', { note: "'b'" }, 'id = 1');
  await db.ddl('CREATE TABLE first (id text PRIMARY KEY, other int)');
  await db.insert('first', { id: "'x'", other: '5' });
  await db.ddl(
    'ALTER TABLE second RENAME TO third; ALTER TABLE first RENAME TO second; ALTER TABLE third RENAME TO first',
  );
  await db.update('second', { other: '6' }, "id = 'x'");
  await db.update('first', { note: "'c'" }, 'id = 1');
  const [{ schema }] = await db.rows<{ schema: string }>('SELECT current_schema() AS schema');
  await db.ddl(`CREATE SCHEMA "${schema}.moved"; ALTER TABLE first SET SCHEMA "${schema}.moved"`);
  await db.update(`"${schema}.moved".first`, { note: "'d'" }, 'id = 1');
  await db.truncate(`"${schema}.moved".first`, 'second');
  await db.ddl(`ALTER TABLE "${schema}.moved".first SET SCHEMA ${schema}`);
  await db.insert('first', { id: '9' });
};

export const identities: Area = async (db) => {
  await db.ddl('CREATE TABLE marked (id int PRIMARY KEY, code text NOT NULL, big text, n int)');
  await db.ddl('CREATE UNIQUE INDEX by_code ON marked (code); ALTER TABLE marked ALTER big SET STORAGE EXTERNAL');
  await db.insert('marked', { id: '1', code: "'a'", big: `repeat('b', 3000)`, n: '0' });
  await db.insert('marked', { id: '2', code: "'z'", n: '0' });
  const changes = async () => {
    await db.update('marked', { n: 'n + 1' }, 'id = 1');
    await db.update('marked', { code: "code || 'b'" }, 'id = 1');
    await db.update('marked', { id: 'id + 10' }, 'id = 2');
    await db.remove('marked', 'id = 12');
    await db.insert('marked', { id: '2', code: "'z'", n: '0' });
  };
  await changes();
  for (const identity of ['FULL', 'USING INDEX by_code', 'FULL', 'DEFAULT', 'USING INDEX by_code']) {
    await db.ddl(`ALTER TABLE marked REPLICA IDENTITY ${identity}`);
    await changes();
  }
  await db.ddl('ALTER TABLE marked REPLICA IDENTITY NOTHING');
  await db.insert('marked', { id: '3', code: "'c'" });
  await db.truncate('marked');
  await db.insert('marked', { id: '1', code: "'d'", n: '0' });
  await db.insert('marked', { id: '2', code: "'z'", n: '0' });
  await db.ddl('ALTER TABLE marked REPLICA IDENTITY DEFAULT');
  await changes();
};

export const keys: Area = async (db) => {
  await db.ddl('CREATE TABLE keyed (a int PRIMARY KEY, b text NOT NULL, c int)');
  await db.insert('keyed', { a: '1', b: "'x'", c: '0' });
  await db.ddl('ALTER TABLE keyed DROP CONSTRAINT keyed_pkey');
  await db.insert('keyed', { a: '1', b: "'y'", c: '0' });
  await db.ddl('ALTER TABLE keyed ADD PRIMARY KEY (b, a)');
  await db.update('keyed', { b: "'z'" }, "b = 'y'");
  await db.ddl('ALTER TABLE keyed REPLICA IDENTITY FULL');
  await db.update('keyed', { a: '2' }, "b = 'z'");
  await db.ddl('ALTER TABLE keyed DROP CONSTRAINT keyed_pkey');
  await db.update('keyed', { c: '1' }, "b = 'z'");
  await db.ddl('ALTER TABLE keyed ADD PRIMARY KEY (b) DEFERRABLE INITIALLY IMMEDIATE');
  await db.update('keyed', { c: '2' }, "b = 'z'");
  await db.ddl('ALTER TABLE keyed RENAME b TO k');
  await db.update('keyed', { c: '3' }, "k = 'z'");
  await db.ddl('ALTER TABLE keyed DROP COLUMN k');
  await db.remove('keyed', 'c = 3');
};

export const newTables: Area = async (db) => {
  for (let round = 0; round < 3; round++) {
    // Dropped and made anew: another table under the same name.
    const key = ['int', 'text', 'uuid'][round];
    await db.ddl(`CREATE TABLE again (k ${key} PRIMARY KEY, c${String(round)} int)`);
    const value = ['7', "'seven'", "'00000000-0000-0000-0000-000000000007'"][round];
    await db.insert('again', { k: value, [`c${String(round)}`]: String(round) });
    await db.update('again', { [`c${String(round)}`]: '8' }, `k = ${value}`);
    if (round === 1) await db.truncate('again');
    await db.ddl('DROP TABLE again');
  }
  await db.ddl('CREATE TABLE log (id int, n int)');
  await db.insert('log', { id: '1', n: '2' });
  await db.ddl('ALTER TABLE log REPLICA IDENTITY FULL');
  await db.update('log', { n: '3' }, 'id = 1');
  await db.ddl('CREATE UNLOGGED TABLE passing (id int PRIMARY KEY)');
  await db.ddl('INSERT INTO passing VALUES (1); ALTER TABLE passing SET LOGGED');
  await db.insert('passing', { id: '2' });
  await db.ddl('ALTER TABLE passing SET UNLOGGED; INSERT INTO passing VALUES (3)');
};

export const takenBack: Area = async (db) => {
  await db.ddl('CREATE TABLE tried (id int PRIMARY KEY, v int)');
  await db.insert('tried', { id: '1', v: '1' });
  await db.takenBack(async () => {
    await db.ddl('ALTER TABLE tried RENAME v TO w; ALTER TABLE tried ADD x text');
    await db.update('tried', { w: '2', x: "'gone'" }, 'id = 1');
    await db.ddl('DROP TABLE tried; CREATE TABLE tried (k text PRIMARY KEY)');
    await db.insert('tried', { k: "'gone'" });
  });
  await db.update('tried', { v: '3' }, 'id = 1');
  await db.ddl('ALTER TABLE tried RENAME TO kept');
  await db.takenBack(() => db.ddl('ALTER TABLE kept ALTER id TYPE text, REPLICA IDENTITY FULL'));
  await db.update('kept', { id: '2' }, 'id = 1');
};
