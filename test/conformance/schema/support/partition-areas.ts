import type { Oracle } from './oracle.js';
import type { Area } from './table-areas.js';
import { PUBLICATION } from './world.js';

const throughRoot = (db: Oracle, on: boolean) =>
  db.ddl(`ALTER PUBLICATION ${PUBLICATION} SET (publish_via_partition_root = ${String(on)})`);

export const partitions: Area = async (db) => {
  await db.ddl(
    'CREATE TABLE parts (id int, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)',
  );
  await db.ddl("CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu')");
  // Another order of columns, and one that is no longer there.
  await db.ddl(
    'CREATE TABLE parts_us (gone int, note text, region text NOT NULL, id int NOT NULL); ALTER TABLE parts_us DROP gone',
  );
  await db.ddl('ALTER TABLE parts_us ADD PRIMARY KEY (id, region)');
  await db.insert('parts', { id: '1', region: "'eu'", note: "'a'" });
  await db.insert('parts_us', { id: '2', region: "'us'", note: "'before'" });
  await db.ddl("ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us')");
  await db.update('parts', { note: "'attached'" }, 'id = 2');
  await db.update('parts', { region: "'us'" }, 'id = 1');
  await db.ddl('ALTER TABLE parts ADD COLUMN extra int DEFAULT 5; ALTER TABLE parts RENAME note TO remark');
  await db.update('parts', { remark: "'b'" }, 'id = 2');
  await db.truncate('parts_eu');
  await db.ddl('ALTER TABLE parts DETACH PARTITION parts_us');
  await db.update('parts_us', { remark: "'detached'" }, 'id = 2');
  await db.ddl(
    "ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('asia', 'us'); ALTER TABLE parts_us RENAME TO parts_rest",
  );
  await db.insert('parts', { id: '3', region: "'asia'" });
  await db.update('parts', { id: '4' }, 'id = 3');
  await db.ddl('DROP TABLE parts_eu');
  await db.truncate('parts');
  await db.insert('parts', { id: '5', region: "'us'" });
};

/**
 * Version 14 remembers as which table it publishes a partition: attached and detached while it streams, it keeps its
 * name until the publication changes or the program starts anew. What arrives there depends on that moment.
 */
const ROOT_FOLLOWED_SINCE = 15;

export const partitionsThroughRoot: Area = async (db) => {
  if (db.serverVersion < ROOT_FOLLOWED_SINCE) return;
  await throughRoot(db, true);
  await partitions(db);
  // The way of publishing itself changes while rows come.
  await throughRoot(db, false);
  await db.update('parts', { remark: "'by its leaf'" }, 'id = 5');
  await throughRoot(db, true);
  await db.update('parts', { remark: "'by its root'" }, 'id = 5');
  await db.remove('parts', 'id = 5');
  await throughRoot(db, false);
};

/** The identities of root and leaf are their own: what the WAL holds goes by the leaf, what is announced by the root. */
export const identitiesOfPartitions: Area = async (db) => {
  await throughRoot(db, true);
  await db.ddl('CREATE TABLE tree (id int PRIMARY KEY, note text, big text) PARTITION BY RANGE (id)');
  await db.ddl('ALTER TABLE tree ALTER big SET STORAGE EXTERNAL');
  await db.ddl('CREATE TABLE tree_low PARTITION OF tree FOR VALUES FROM (0) TO (100)');
  await db.insert('tree', { id: '1', note: "'a'", big: `repeat('t', 3000)` });
  for (const [root, leaf] of [
    ['DEFAULT', 'FULL'],
    ['FULL', 'FULL'],
    ['FULL', 'DEFAULT'],
  ]) {
    await db.ddl(`ALTER TABLE tree REPLICA IDENTITY ${root}; ALTER TABLE tree_low REPLICA IDENTITY ${leaf}`);
    await db.update('tree', { note: "note || 'b'" }, 'id > 0');
    await db.update('tree', { id: 'id + 1' }, 'id > 0');
  }
  await db.remove('tree', 'id > 0');
  await throughRoot(db, false);
};
