import type { Area } from './table-areas.js';
import { PUBLICATION } from './world.js';

const ALTER = `ALTER PUBLICATION ${PUBLICATION}`;
/** Column lists, row filters and whole schemas came with this version. */
const LISTS_SINCE = 15;

export const membership: Area = async (db) => {
  await db.ddl('CREATE TABLE member (id int PRIMARY KEY, v int); CREATE TABLE other (id int PRIMARY KEY, v int)');
  await db.insert('member', { id: '1', v: '1' });
  await db.ddl(`${ALTER} ADD TABLE member`);
  await db.update('member', { v: '2' }, 'id = 1');
  await db.insert('other', { id: '1', v: '1' });
  await db.ddl(`${ALTER} ADD TABLE other`);
  await db.update('other', { v: '2' }, 'id = 1');
  await db.truncate('member', 'other');
  await db.ddl(`${ALTER} DROP TABLE member`);
  await db.insert('member', { id: '2', v: '1' });
  await db.insert('other', { id: '2', v: '1' });
  await db.ddl(`${ALTER} SET TABLE member`);
  await db.update('member', { id: '3' }, 'id = 2');
  await db.update('other', { v: '9' }, 'id = 2');
  await db.ddl('DROP TABLE member; CREATE TABLE member (id text PRIMARY KEY)');
  await db.insert('member', { id: "'unseen'" });
  await db.ddl(`${ALTER} ADD TABLE member`);
  await db.insert('member', { id: "'seen'" });
  await db.ddl(`${ALTER} DROP TABLE member`);
};

export const options: Area = async (db) => {
  await db.ddl(`CREATE TABLE chosen (id int PRIMARY KEY, v int); ${ALTER} ADD TABLE chosen`);
  await db.insert('chosen', { id: '1', v: '1' });
  for (const publish of ['insert', 'update, truncate', 'delete', 'insert, update, delete, truncate']) {
    await db.ddl(`${ALTER} SET (publish = '${publish}')`);
    await db.insert('chosen', { id: '2', v: '1' });
    await db.update('chosen', { v: 'v + 1' }, 'id = 1');
    await db.remove('chosen', 'id = 2');
    await db.truncate('chosen');
    await db.insert('chosen', { id: '1', v: '1' });
  }
  await db.ddl(`${ALTER} DROP TABLE chosen`);
};

export const columnLists: Area = async (db) => {
  if (db.serverVersion < LISTS_SINCE) return;
  await db.ddl(`CREATE TABLE listed (id int PRIMARY KEY, a int, b int, c int); ${ALTER} ADD TABLE listed (id, a)`);
  await db.insert('listed', { id: '1', a: '1', b: '1', c: '1' });
  await db.ddl(`${ALTER} SET TABLE listed (c, id)`);
  await db.update('listed', { b: '2' }, 'id = 1');
  await db.ddl('ALTER TABLE listed RENAME c TO sea; ALTER TABLE listed ADD d int; ALTER TABLE listed DROP a');
  await db.update('listed', { sea: '3' }, 'id = 1');
  await db.ddl(`${ALTER} SET TABLE listed`);
  await db.update('listed', { d: '4' }, 'id = 1');
  await db.ddl('ALTER TABLE listed REPLICA IDENTITY FULL');
  await db.update('listed', { id: '5' }, 'id = 1');
  await db.ddl(`${ALTER} DROP TABLE listed`);
};

export const rowFilters: Area = async (db) => {
  if (db.serverVersion < LISTS_SINCE) return;
  await db.ddl(`CREATE TABLE sifted (id int PRIMARY KEY, v int); ${ALTER} ADD TABLE sifted WHERE (id > 10)`);
  await db.insert('sifted', { id: '1', v: '1' });
  await db.insert('sifted', { id: '11', v: '1' });
  await db.update('sifted', { id: '12' }, 'id = 1');
  await db.update('sifted', { id: '2' }, 'id = 11');
  await db.ddl(`${ALTER} SET TABLE sifted WHERE (id < 10)`);
  await db.update('sifted', { v: '2' }, 'id = 2');
  await db.update('sifted', { v: '2' }, 'id = 12');
  await db.ddl('ALTER TABLE sifted REPLICA IDENTITY FULL');
  await db.update('sifted', { id: '3' }, 'id = 2');
  await db.update('sifted', { id: '13' }, 'id = 3');
  await db.ddl(`${ALTER} SET TABLE sifted`);
  await db.remove('sifted', 'id = 13');
  await db.truncate('sifted');
  await db.ddl(`${ALTER} DROP TABLE sifted`);
};

export const wholeSchemas: Area = async (db) => {
  if (db.serverVersion < LISTS_SINCE) return;
  const [{ schema }] = await db.rows<{ schema: string }>('SELECT current_schema() AS schema');
  await db.ddl(`CREATE SCHEMA ${schema}_side; CREATE TABLE goes (id int PRIMARY KEY, v int)`);
  await db.ddl(`${ALTER} ADD TABLES IN SCHEMA ${schema}_side`);
  await db.insert('goes', { id: '1', v: '1' });
  await db.ddl(`ALTER TABLE goes SET SCHEMA ${schema}_side`);
  await db.update(`${schema}_side.goes`, { v: '2' }, 'id = 1');
  await db.ddl(`CREATE TABLE ${schema}_side.comes (id int PRIMARY KEY)`);
  await db.insert(`${schema}_side.comes`, { id: '1' });
  await db.ddl(`ALTER TABLE ${schema}_side.goes SET SCHEMA ${schema}`);
  await db.update('goes', { v: '3' }, 'id = 1');
  await db.ddl(`${ALTER} DROP TABLES IN SCHEMA ${schema}_side`);
  await db.insert(`${schema}_side.comes`, { id: '2' });
};
