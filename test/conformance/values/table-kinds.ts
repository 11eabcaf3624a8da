import type { PostgresVersion } from '../../support/postgres.js';

/**
 * Tables of one schema, what happens to them, and the events that come of it, written as
 * `ACTION schema.table data dataOld` with `[names]` behind it where columns were left out of line.
 */
export interface TableKind {
  readonly title: string;
  readonly schema: string;
  readonly tables: readonly string[];
  readonly changes: readonly string[];
  readonly events: readonly string[];
  /** PostgreSQL's first version with it, where that is not the oldest supported one. */
  readonly since?: PostgresVersion;
  /** SQLSTATE with which PostgreSQL refuses the statement after all changes. */
  readonly refused?: readonly [sql: string, state: string];
  /** The server truncates in an order of its own. */
  readonly anyOrder?: boolean;
}

const WIDE = Array.from({ length: 1600 }, (_, index) => `c${String(index)}`);
const wideRow = (value: (index: number) => string): string =>
  `{${WIDE.map((name, index) => `"${name}":${value(index)}`).join()}}`;
const INSERTED_WIDE = wideRow((index) => (index === 0 ? '1' : index === 1599 ? 'true' : 'null'));
const UPDATED_WIDE = wideRow((index) => (index === 0 ? '1' : index === 1599 ? 'false' : 'null'));

/** An index entry holds at most 2,704 bytes, a row keeps some 2,000 in line. */
const LONG_KEY = 'k'.repeat(2500);

export const TABLE_KINDS: readonly TableKind[] = [
  {
    title: 'identifiers with quotes, dots, backslashes and spaces, columns that differ only in case',
    schema: 'Quoted_" . Schema',
    tables: [
      `CREATE TABLE "Quoted_"" . Table" ("id" int PRIMARY KEY, "'quoted'" int, "case" int, "Case" int, "CASE" int,
         "back\\slash" int, """" int, "a.b" int, "\t" int)`,
      'CREATE TABLE same (id int PRIMARY KEY)',
      'CREATE TABLE "Same" (id int PRIMARY KEY)',
    ],
    changes: [
      'INSERT INTO "Quoted_"" . Table" VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9)',
      'UPDATE "Quoted_"" . Table" SET id = 2, "Case" = 44',
      'INSERT INTO same VALUES (1); INSERT INTO "Same" VALUES (2)',
    ],
    events: [
      `INSERT Quoted_" . Schema.Quoted_" . Table {"id":1,"'quoted'":2,"case":3,"Case":4,"CASE":5,"back\\\\slash":6,"\\"":7,"a.b":8,"\\t":9} {}`,
      `UPDATE Quoted_" . Schema.Quoted_" . Table {"id":2,"'quoted'":2,"case":3,"Case":44,"CASE":5,"back\\\\slash":6,"\\"":7,"a.b":8,"\\t":9} {"id":1}`,
      'INSERT Quoted_" . Schema.same {"id":1} {}',
      'INSERT Quoted_" . Schema.Same {"id":2} {}',
    ],
  },
  {
    title: 'identifiers beyond ASCII',
    schema: 'テスト',
    tables: ['CREATE TABLE "café" ("名前" text PRIMARY KEY, "é🎉" int)'],
    changes: [
      `INSERT INTO "café" VALUES ('ñ', 1)`,
      `UPDATE "café" SET "名前" = 'ž'`,
      'DELETE FROM "café"',
      'TRUNCATE "café"',
    ],
    events: [
      'INSERT テスト.café {"名前":"ñ","é🎉":1} {}',
      'UPDATE テスト.café {"名前":"ž","é🎉":1} {"名前":"ñ"}',
      'DELETE テスト.café {} {"名前":"ž"}',
      'TRUNCATE テスト.café {} {}',
    ],
  },
  {
    title: 'tables without a primary key',
    schema: 'keyless',
    tables: [
      'CREATE TABLE bare (v text)',
      'CREATE TABLE whole (v text, n int); ALTER TABLE whole REPLICA IDENTITY FULL',
      'CREATE TABLE empty ()',
    ],
    changes: [
      `INSERT INTO bare VALUES ('a'), ('a'), (NULL)`,
      `INSERT INTO whole VALUES ('a', NULL), ('a', NULL)`,
      'UPDATE whole SET n = 1',
      'DELETE FROM whole',
      'INSERT INTO empty DEFAULT VALUES',
    ],
    refused: ['UPDATE bare SET v = NULL', '55000'],
    events: [
      'INSERT keyless.bare {"v":"a"} {}',
      'INSERT keyless.bare {"v":"a"} {}',
      'INSERT keyless.bare {"v":null} {}',
      'INSERT keyless.whole {"v":"a","n":null} {}',
      'INSERT keyless.whole {"v":"a","n":null} {}',
      'UPDATE keyless.whole {"v":"a","n":1} {"v":"a","n":null}',
      'UPDATE keyless.whole {"v":"a","n":1} {"v":"a","n":null}',
      'DELETE keyless.whole {} {"v":"a","n":1}',
      'DELETE keyless.whole {} {"v":"a","n":1}',
      'INSERT keyless.empty {} {}',
    ],
  },
  {
    title: 'a key of several columns, and one that is stored out of line',
    schema: 'keys',
    tables: [
      'CREATE TABLE compound (v text, b int, a text, PRIMARY KEY (a, b))',
      'CREATE TABLE long (k text PRIMARY KEY, n int); ALTER TABLE long ALTER k SET STORAGE EXTERNAL',
    ],
    changes: [
      `INSERT INTO compound VALUES ('v', 1, 'x')`,
      'UPDATE compound SET b = 2',
      `UPDATE compound SET v = 'w'`,
      'DELETE FROM compound',
      `INSERT INTO long VALUES ('${LONG_KEY}', 1)`,
      'UPDATE long SET n = 2',
      'DELETE FROM long',
    ],
    events: [
      'INSERT keys.compound {"v":"v","b":1,"a":"x"} {}',
      'UPDATE keys.compound {"v":"v","b":2,"a":"x"} {"b":1,"a":"x"}',
      'UPDATE keys.compound {"v":"w","b":2,"a":"x"} {}',
      'DELETE keys.compound {} {"b":2,"a":"x"}',
      `INSERT keys.long {"k":"${LONG_KEY}","n":1} {}`,
      // A key that is not resent would be lost to the consumer: the server sends it as old key.
      `UPDATE keys.long {"n":2} {"k":"${LONG_KEY}"} [k]`,
      `DELETE keys.long {} {"k":"${LONG_KEY}"}`,
    ],
  },
  {
    title: 'a partitioned table, under the names of its leaves; a row that moves',
    schema: 'leaves',
    tables: [
      'CREATE TABLE root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)',
      'CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (10)',
      'CREATE TABLE high PARTITION OF root FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (id)',
      'CREATE TABLE higher (v text, id int PRIMARY KEY); ALTER TABLE high ATTACH PARTITION higher FOR VALUES FROM (50) TO (100)',
    ],
    changes: [
      `INSERT INTO root VALUES (1, 'a'), (50, 'b')`,
      `UPDATE root SET v = 'c'`,
      'UPDATE root SET id = 60 WHERE id = 1',
      'DELETE FROM root WHERE id = 50',
      'TRUNCATE root',
    ],
    events: [
      'INSERT leaves.low {"id":1,"v":"a"} {}',
      'INSERT leaves.higher {"v":"b","id":50} {}',
      'UPDATE leaves.low {"id":1,"v":"c"} {}',
      'UPDATE leaves.higher {"v":"c","id":50} {}',
      'DELETE leaves.low {} {"id":1}',
      'INSERT leaves.higher {"v":"c","id":60} {}',
      'DELETE leaves.higher {} {"id":50}',
      'TRUNCATE leaves.low {} {}',
      'TRUNCATE leaves.higher {} {}',
    ],
  },
  {
    title: 'inherited tables, each under its own name with its own columns',
    schema: 'heirs',
    tables: [
      'CREATE TABLE parent (id int PRIMARY KEY, v text)',
      'CREATE TABLE child (extra bool, PRIMARY KEY (id)) INHERITS (parent)',
    ],
    changes: [
      `INSERT INTO parent VALUES (1, 'a')`,
      `INSERT INTO child VALUES (2, 'b', true)`,
      `UPDATE parent SET v = 'c'`,
      'DELETE FROM ONLY parent',
    ],
    events: [
      'INSERT heirs.parent {"id":1,"v":"a"} {}',
      'INSERT heirs.child {"id":2,"v":"b","extra":true} {}',
      'UPDATE heirs.parent {"id":1,"v":"c"} {}',
      'UPDATE heirs.child {"id":2,"v":"c","extra":true} {}',
      'DELETE heirs.parent {} {"id":1}',
    ],
  },
  {
    title: 'nothing of unlogged and temporary tables, materialized views, sequences and foreign rollbacks',
    schema: 'unpublished',
    tables: [
      'CREATE UNLOGGED TABLE volatile (id int PRIMARY KEY)',
      'CREATE TEMPORARY TABLE passing (id int PRIMARY KEY)',
      'CREATE TABLE kept (id int PRIMARY KEY)',
      'CREATE MATERIALIZED VIEW view AS SELECT id FROM kept',
      'CREATE SEQUENCE numbers',
    ],
    changes: [
      'INSERT INTO volatile VALUES (1); UPDATE volatile SET id = 2; DELETE FROM volatile; TRUNCATE volatile',
      'INSERT INTO passing VALUES (1); TRUNCATE passing',
      'BEGIN; INSERT INTO kept VALUES (1); ROLLBACK',
      'BEGIN; INSERT INTO kept VALUES (2); SAVEPOINT s; INSERT INTO kept VALUES (3); ROLLBACK TO s; COMMIT',
      `REFRESH MATERIALIZED VIEW view; SELECT nextval('numbers')`,
    ],
    events: ['INSERT unpublished.kept {"id":2} {}'],
  },
  {
    title: 'stored generated columns are not part of the row',
    schema: 'generated',
    tables: [
      'CREATE TABLE stored (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, v text)',
      'CREATE TABLE whole (id int, twice int GENERATED ALWAYS AS (id * 2) STORED); ALTER TABLE whole REPLICA IDENTITY FULL',
    ],
    changes: [
      `INSERT INTO stored VALUES (1, DEFAULT, 'a')`,
      'UPDATE stored SET id = 2',
      'DELETE FROM stored',
      'INSERT INTO whole VALUES (1)',
    ],
    events: [
      'INSERT generated.stored {"id":1,"v":"a"} {}',
      'UPDATE generated.stored {"id":2,"v":"a"} {"id":1}',
      'DELETE generated.stored {} {"id":2}',
      'INSERT generated.whole {"id":1} {}',
    ],
  },
  {
    title: 'virtual generated columns are not part of the row',
    schema: 'virtually',
    since: 18,
    tables: ['CREATE TABLE generated (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL, v text)'],
    changes: [`INSERT INTO generated VALUES (1, DEFAULT, 'a')`, `UPDATE generated SET v = 'b'`],
    events: ['INSERT virtually.generated {"id":1,"v":"a"} {}', 'UPDATE virtually.generated {"id":1,"v":"b"} {}'],
  },
  {
    title: '1,600 columns',
    schema: 'wide',
    tables: [
      `CREATE TABLE wide (c0 int PRIMARY KEY, ${WIDE.slice(1)
        .map((name) => `${name} bool`)
        .join()}); ALTER TABLE wide REPLICA IDENTITY FULL`,
    ],
    changes: ['INSERT INTO wide (c0, c1599) VALUES (1, true)', 'UPDATE wide SET c1599 = false', 'DELETE FROM wide'],
    events: [
      `INSERT wide.wide ${INSERTED_WIDE} {}`,
      `UPDATE wide.wide ${UPDATED_WIDE} ${INSERTED_WIDE}`,
      `DELETE wide.wide {} ${UPDATED_WIDE}`,
    ],
  },
  {
    title: 'rows written before columns were dropped and added',
    schema: 'dropped',
    tables: [
      `CREATE TABLE t (gone int, id int PRIMARY KEY, "also gone" text, v text); ALTER TABLE t REPLICA IDENTITY FULL;
       INSERT INTO t VALUES (1, 2, 'x', 'y'); ALTER TABLE t DROP gone; ALTER TABLE t DROP "also gone";
       ALTER TABLE t ADD later int DEFAULT 7`,
    ],
    changes: [`UPDATE t SET v = 'z'`, `INSERT INTO t VALUES (3, 'w')`, 'DELETE FROM t WHERE id = 2'],
    events: [
      'INSERT dropped.t {"gone":1,"id":2,"also gone":"x","v":"y"} {}',
      'UPDATE dropped.t {"id":2,"v":"z","later":7} {"id":2,"v":"y","later":7}',
      'INSERT dropped.t {"id":3,"v":"w","later":7} {}',
      'DELETE dropped.t {} {"id":2,"v":"z","later":7}',
    ],
  },
  {
    title: 'TRUNCATE of several tables CASCADE, one event per table',
    schema: 'truncated',
    tables: [
      'CREATE TABLE a (id int PRIMARY KEY)',
      'CREATE TABLE b (id int PRIMARY KEY)',
      'CREATE TABLE child (id int PRIMARY KEY, a int REFERENCES a)',
      'CREATE TABLE grandchild (id int PRIMARY KEY, child int REFERENCES child)',
      'CREATE TABLE untouched (id int PRIMARY KEY)',
    ],
    changes: ['TRUNCATE a, b RESTART IDENTITY CASCADE'],
    anyOrder: true,
    events: ['a', 'b', 'child', 'grandchild'].map((table) => `TRUNCATE truncated.${table} {} {}`),
  },
  {
    title: 'rows by COPY and ON CONFLICT',
    schema: 'otherways',
    tables: ['CREATE TABLE t (id int PRIMARY KEY, v text)'],
    changes: [
      `COPY t FROM PROGRAM 'printf "1\\ta\\n2\\t\\\\\\\\N\\n"'`,
      `INSERT INTO t VALUES (1, 'b'), (3, 'c') ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
      `INSERT INTO t VALUES (3, 'd') ON CONFLICT DO NOTHING`,
    ],
    events: [
      'INSERT otherways.t {"id":1,"v":"a"} {}',
      'INSERT otherways.t {"id":2,"v":null} {}',
      'UPDATE otherways.t {"id":1,"v":"b"} {}',
      'INSERT otherways.t {"id":3,"v":"c"} {}',
    ],
  },
];
