import type pg from 'pg';

/** A session of plugin pgoutput: what it is asked for, and the slot it reads. */
export interface Session {
  readonly name: SessionName;
  /** The first PostgreSQL that can do it. */
  readonly since: number;
  readonly options: Readonly<Record<string, string>>;
  readonly twoPhase?: true;
}

/** `text` is what this service asks for; the others are what it must refuse. */
export type SessionName = 'text' | 'binary' | 'streaming' | 'parallel' | 'two-phase';

const COMMON = { publication_names: 'everything', messages: 'true' } as const;

export const SESSIONS: readonly Session[] = [
  { name: 'text', since: 14, options: { ...COMMON, proto_version: '1' } },
  { name: 'binary', since: 14, options: { ...COMMON, proto_version: '1', binary: 'true' } },
  { name: 'streaming', since: 14, options: { ...COMMON, proto_version: '2', streaming: 'on' } },
  { name: 'parallel', since: 16, options: { ...COMMON, proto_version: '4', streaming: 'parallel' } },
  { name: 'two-phase', since: 15, options: { ...COMMON, proto_version: '3', two_phase: 'true' }, twoPhase: true },
];

/** As in postgresql.conf; nothing may add transactions of its own, and large transactions are streamed early. */
export const SETTINGS = {
  autovacuum: 'off',
  logical_decoding_work_mem: '64kB',
  max_prepared_transactions: '5',
  timezone: 'UTC',
} as const;

const WIDE = Array.from({ length: 200 }, (_, index) => `"column ${index}" int DEFAULT ${index}`).join(', ');

const TABLES = `
  CREATE SCHEMA "Sales ""EU""";
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
  CREATE DOMAIN "Postal Code" AS text CHECK (VALUE <> '');
  CREATE TYPE pair AS (a int, b text);
  CREATE TABLE customers (id int PRIMARY KEY, name text, mood mood, code "Postal Code", p pair, paid boolean);
  CREATE TABLE "Sales ""EU"""."Ordered Items" ("Item Id" int8, "größe.✓" numeric(10, 2), note varchar(20),
    PRIMARY KEY ("Item Id", note));
  CREATE TABLE history (id int, payload text, at timestamptz, doc jsonb, tags text[]);
  ALTER TABLE history REPLICA IDENTITY FULL;
  CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c text);
  CREATE UNIQUE INDEX by_index_key ON by_index (b);
  ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
  CREATE TABLE keyless (v text);
  CREATE TABLE wide (${WIDE}, PRIMARY KEY ("column 0"));
  CREATE TABLE documents (id int PRIMARY KEY, big text, small text);
  ALTER TABLE documents ALTER COLUMN big SET STORAGE EXTERNAL;
  CREATE TABLE full_documents (LIKE documents INCLUDING ALL);
  ALTER TABLE full_documents ALTER COLUMN big SET STORAGE EXTERNAL;
  ALTER TABLE full_documents REPLICA IDENTITY FULL;
  CREATE TABLE measured (day date, reading float8, PRIMARY KEY (day)) PARTITION BY RANGE (day);
  CREATE TABLE measured_2024 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')`;

/** Each entry is one transaction, or one call that may not be part of one. */
const CHANGES: readonly string[] = [
  `INSERT INTO customers VALUES (1, 'Ada', 'happy', 'N1', (1, 'x'), true), (2, NULL, NULL, NULL, NULL, NULL)`,
  `INSERT INTO customers VALUES (3, E'\\u0001 "quotes" \\\\ ñ ✓ 🎉', 'sad', 'E', (NULL, ''), false)`,
  `UPDATE customers SET paid = NOT paid WHERE id = 1; UPDATE customers SET id = 20 WHERE id = 2`,
  `DELETE FROM customers WHERE id = 20`,
  `INSERT INTO "Sales ""EU"""."Ordered Items" VALUES (9223372036854775807, 12345678.90, 'a'), (-1, NULL, '')`,
  `UPDATE "Sales ""EU"""."Ordered Items" SET note = 'b' WHERE "Item Id" = -1; DELETE FROM "Sales ""EU"""."Ordered Items"`,
  `INSERT INTO history VALUES (1, 'old', '2024-02-29 12:34:56.789+00', '{"a": [1, null, "ñ"]}', '{a,NULL,"b,c"}'),
     (NULL, NULL, 'infinity', 'null', '{}'), (2, '', '0001-01-01 00:00:00+00 BC', '1e400', NULL)`,
  `UPDATE history SET payload = 'new'; DELETE FROM history WHERE id IS NULL`,
  `INSERT INTO by_index VALUES (1, 'k', 'x'), (2, 'l', NULL); UPDATE by_index SET c = 'y'; UPDATE by_index SET b = 'm' WHERE a = 2;
     DELETE FROM by_index`,
  `INSERT INTO keyless VALUES ('nobody can update this')`,
  `INSERT INTO wide DEFAULT VALUES; UPDATE wide SET "column 199" = NULL; UPDATE wide SET "column 0" = 7; DELETE FROM wide`,
  `INSERT INTO documents VALUES (1, repeat('large ', 5000), 'a'), (2, repeat('✓', 10000), NULL)`,
  `UPDATE documents SET small = 'b'; UPDATE documents SET id = 3, small = NULL WHERE id = 2; DELETE FROM documents WHERE id = 3`,
  `INSERT INTO full_documents VALUES (1, repeat('large ', 2000), 'a'); UPDATE full_documents SET small = 'b'; DELETE FROM full_documents`,
  `INSERT INTO measured VALUES ('2024-05-06', 'NaN'), ('2024-05-07', '-Infinity'); UPDATE measured SET reading = 1e-320`,
  `SELECT pg_logical_emit_message(true, 'note', 'inside a transaction'); INSERT INTO keyless VALUES (NULL)`,
  `SELECT pg_logical_emit_message(false, 'alone', '\\x00ff0d0a'::bytea)`,
  `CREATE TABLE nothing_but_ddl ()`,
  `BEGIN; INSERT INTO keyless VALUES ('rolled back'); ROLLBACK`,
  `BEGIN; INSERT INTO keyless VALUES ('kept'); SAVEPOINT s; INSERT INTO keyless VALUES ('lost'); ROLLBACK TO s; COMMIT`,
  `ALTER TABLE customers ADD COLUMN added int DEFAULT 5, DROP COLUMN code; UPDATE customers SET added = 6 WHERE id = 1`,
  `ALTER TABLE customers RENAME TO clients; ALTER TABLE clients ALTER COLUMN name TYPE varchar(100);
     INSERT INTO clients (id, name) VALUES (4, 'Grace')`,
  `TRUNCATE clients, history RESTART IDENTITY CASCADE`,
  `TRUNCATE keyless; INSERT INTO keyless VALUES ('after')`,
  `SELECT pg_replication_origin_create('upstream')`,
  `SELECT pg_replication_origin_session_setup('upstream')`,
  `BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCDEF01', '2024-01-01 00:00:00+00'); INSERT INTO keyless VALUES ('from elsewhere'); COMMIT`,
  `SELECT pg_replication_origin_session_reset()`,
  `INSERT INTO history SELECT i, repeat('row ' || i, 200), NULL, NULL, NULL FROM generate_series(1, 90) i`,
  `BEGIN; INSERT INTO history SELECT i, repeat('row ' || i, 200), NULL, NULL, NULL FROM generate_series(1, 90) i; SAVEPOINT s;
     DELETE FROM history WHERE id < 50; ROLLBACK TO s; TRUNCATE history; COMMIT`,
  `BEGIN; INSERT INTO keyless SELECT repeat('gone', 300) FROM generate_series(1, 90); ROLLBACK`,
  `BEGIN; INSERT INTO keyless VALUES ('prepared'); PREPARE TRANSACTION 'first'`,
  `COMMIT PREPARED 'first'`,
  `BEGIN; INSERT INTO keyless VALUES ('never'); PREPARE TRANSACTION 'second'`,
  `ROLLBACK PREPARED 'second'`,
];

/** Makes the slots, changes data in every way there is, and gives what each session of this version sends. */
export async function record(client: pg.Client, version: number): Promise<ReadonlyMap<SessionName, readonly Buffer[]>> {
  const sessions = SESSIONS.filter((session) => session.since <= version);
  await client.query(TABLES);
  await client.query('CREATE PUBLICATION everything FOR ALL TABLES');
  for (const { name, twoPhase } of sessions) {
    await client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, $2)`, [
      slotName(name),
      twoPhase === true,
    ]);
  }
  for (const change of CHANGES) await client.query(change);
  const recorded = new Map<SessionName, readonly Buffer[]>();
  for (const { name, options } of sessions) {
    const { rows } = await client.query<{ data: Buffer }>(
      'SELECT data FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, VARIADIC $2)',
      [slotName(name), Object.entries(options).flat()],
    );
    recorded.set(
      name,
      rows.map((row) => row.data),
    );
  }
  return recorded;
}

function slotName(session: SessionName): string {
  return session.replace('-', '_');
}
