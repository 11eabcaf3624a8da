/** What the operator's manual says about one error code. */
export interface ErrorCodeEntry {
  /** Whether another attempt can succeed without a person. */
  readonly retriable: boolean;
  readonly cause: string;
  /** What mends it; logged where an error brings none of its own. */
  readonly remedy: string;
  /** For the manual: statements that show or mend it, with the default names of slot and publication. */
  readonly sql?: string;
  /** For the manual: commands that show or mend it. */
  readonly shell?: string;
}

type Help = Pick<ErrorCodeEntry, 'sql' | 'shell'>;

const fatal = (cause: string, remedy: string, help: Help = {}): ErrorCodeEntry => ({
  retriable: false,
  cause,
  remedy,
  ...help,
});
const retry = (cause: string, remedy: string, help: Help = {}): ErrorCodeEntry => ({
  retriable: true,
  cause,
  remedy,
  ...help,
});

const PROCESS = {
  CONFIG_INVALID: fatal(
    'The configuration has faults, or a port that it names cannot be listened on. In `check` also a warning: a key is set in a way that a person should look at.',
    'Mend every fault that is listed with its key and place; docs/configuration.md has all keys.',
    { shell: 'wal-listener check --config config.yml' },
  ),
  USAGE: fatal(
    'The command line was not understood, or `demo` lacks the package that brings PostgreSQL.',
    'See wal-listener --help.',
  ),
  INTERNAL: fatal(
    'A defect in wal-listener, an error that no other code explains, or a shutdown that did not end in time.',
    'Start it again, and report the log line with its stack; the slot keeps everything unpublished.',
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

const CONNECTION = {
  PG_CONNECTION_LOST: retry(
    'The connection to PostgreSQL could not be made or broke: the server is down, starts, stops, is silent or has no connection free, the host name does not resolve, the host is a standby or read-only, or this process stood still for long.',
    'Check database.host, database.port, the firewall, and that the server runs and is the read-write one.',
    {
      shell: 'pg_isready -h HOST -p 5432',
      sql: "SELECT pg_is_in_recovery(), current_setting('max_connections') AS allowed, count(*) AS used FROM pg_stat_activity;",
    },
  ),
  PG_AUTH: fatal(
    'PostgreSQL refused the user or the password, or pg_hba.conf does not let this user connect from here (SQLSTATE 28P01, 28000).',
    'Check database.user, database.password and pg_hba.conf: it needs a line for the database itself (a line for the keyword replication is for physical standbys only).',
    {
      sql: "ALTER ROLE replicator PASSWORD '…';\nSELECT line_number, type, database, user_name, address, auth_method, error FROM pg_hba_file_rules;",
    },
  ),
  PG_TLS: fatal(
    'The TLS handshake with PostgreSQL failed: the server offers none, its certificate is not trusted or has another name, or a certificate file cannot be read.',
    'Check database.sslMode, database.caCert, database.ssl.serverName, database.clientCert and database.clientKey.',
    { shell: 'openssl s_client -starttls postgres -connect HOST:5432 -showcerts </dev/null' },
  ),
  PG_DATABASE_MISSING: fatal('The database does not exist (SQLSTATE 3D000).', 'Check database.name.', {
    sql: 'SELECT datname FROM pg_database;',
  }),
  PG_PRIVILEGE: fatal(
    'The user lacks a privilege, above all to use replication connections or to create the publication (SQLSTATE 42501).',
    'Give the user REPLICATION, and create a publication that does not exist as a superuser.',
    {
      sql: 'ALTER ROLE replicator REPLICATION;\n-- Amazon RDS: GRANT rds_replication TO replicator;\nCREATE PUBLICATION "wal-listener" FOR ALL TABLES;',
    },
  ),
  PG_SESSION_SETTING: fatal(
    'The session does not keep a setting that decoding relies on, or refuses the parameters it starts with: a connection pooler is in between.',
    "Connect to PostgreSQL directly: database.host and database.port are the server's, not the pooler's.",
  ),
  PG_TABLE_LOCKED: retry(
    'A transaction holds an exclusive lock on a published table (a long ALTER TABLE, for example), and PostgreSQL 16 and newer do not tell what a publication holds until it ends (SQLSTATE 55P03).',
    'Nothing, when it is about to end: the service goes on then, and nothing is lost. Else find it and end it.',
    {
      sql: "SELECT a.pid, a.xact_start, a.query, l.relation::regclass\nFROM pg_locks l JOIN pg_stat_activity a USING (pid)\nWHERE l.mode = 'AccessExclusiveLock' AND l.granted AND l.relation IS NOT NULL;\n-- To end it: SELECT pg_terminate_backend(PID);",
    },
  ),
  PG_QUERY: retry(
    'PostgreSQL refused a statement for a reason that has no code of its own here.',
    'Look the SQLSTATE of the message up in PostgreSQL\'s appendix "Error Codes", and in the server\'s log; retried, up to three times in a row at one position.',
  ),
  PG_REPEATED: fatal(
    'The same SQLSTATE came three times in a row while the confirmed position stood still: trying again does not help.',
    "Mend what the message and the server's log name, then start again; nothing was passed over.",
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

const SLOT = {
  WAL_LEVEL: fatal('wal_level is not logical.', "ALTER SYSTEM SET wal_level = 'logical';\nThen restart PostgreSQL.", {
    sql: "SHOW wal_level;\nALTER SYSTEM SET wal_level = 'logical';\n-- Amazon RDS: the parameter rds.logical_replication = 1; Cloud SQL: the flag cloudsql.logical_decoding = on",
  }),
  SLOT_MISSING: fatal(
    'The slot does not exist, and listener.createSlot is never.',
    'Create the publication, then the slot; or let the service make it: listener.createSlot: auto.',
    { sql: "SELECT pg_create_logical_replication_slot('wal_listener', 'pgoutput');" },
  ),
  SLOT_LOST: fatal(
    'The slot was in use before and is gone or invalidated: changes since its last position cannot be read any more. As a warning: it is close to that, or a loss could not be told from a first start.',
    'Make the slot anew first: start once with listener.onSlotLost: recreate, which says which range of the WAL is gone. Then synchronise the consumers anew; docs/operations.md has the steps.',
    {
      sql: "SELECT slot_name, active, confirmed_flush_lsn, wal_status, safe_wal_size FROM pg_replication_slots;\n-- To keep more WAL for slots:\nALTER SYSTEM SET max_slot_wal_keep_size = '50GB';\nSELECT pg_reload_conf();",
    },
  ),
  SLOT_MISMATCH: fatal(
    'The slot is not ours to use: it is physical or temporary, or has another plugin or database.',
    'Use another listener.slotName, or drop the slot when nobody needs it.',
    {
      sql: "SELECT slot_name, slot_type, plugin, database, temporary, active FROM pg_replication_slots;\n-- When nobody needs it:\nSELECT pg_drop_replication_slot('wal_listener');",
    },
  ),
  SLOT_IN_USE: retry(
    'Another process streams from the slot.',
    'Nothing, when it is another replica: this one waits as a standby and takes over. Else end the other one, or use another listener.slotName.',
    {
      sql: 'SELECT s.slot_name, s.active_pid, r.client_addr, r.application_name, r.backend_start\nFROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid;\n-- To end it: SELECT pg_terminate_backend(PID);',
    },
  ),
  SLOTS_EXHAUSTED: fatal(
    'No replication slot or WAL sender is free.',
    'Drop slots that nobody needs, or raise max_replication_slots and max_wal_senders and restart PostgreSQL.',
    {
      sql: 'SELECT slot_name, slot_type, active, restart_lsn FROM pg_replication_slots;\nALTER SYSTEM SET max_replication_slots = 20;\nALTER SYSTEM SET max_wal_senders = 20;\n-- Then restart PostgreSQL.',
    },
  ),
  PUBLICATION_MISSING: fatal(
    'The publication does not exist, or was dropped while it was in use.',
    'Create it before the slot. Where the slot exists already, what was written until now cannot be decoded: drop the slot, start anew, and only then recover it by other means.',
    {
      sql: 'CREATE PUBLICATION "wal-listener" FOR ALL TABLES;\n-- When there is a slot already; what it kept must be recovered by other means, once there is a new one:\nSELECT pg_drop_replication_slot(\'wal_listener\');',
    },
  ),
  PUBLICATION_TOO_YOUNG: fatal(
    'The publication did not exist yet at a position that must be decoded: it was made, or made anew, after the slot.',
    'Drop the slot and the publication, start anew, and only then recover the changes since the confirmed position by other means.',
    {
      sql: "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'wal_listener';\n-- What came after it must be recovered by other means, once there is a new slot:\nSELECT pg_drop_replication_slot('wal_listener');\nDROP PUBLICATION \"wal-listener\";",
    },
  ),
  REPLICA_IDENTITY: fatal(
    'Tables have no replica identity: PostgreSQL refuses UPDATE and DELETE on them as soon as they are published.',
    'Give each a primary key or REPLICA IDENTITY FULL, publish the other tables only, or set listener.allowMissingReplicaIdentity: true where rows are only ever inserted.',
    {
      sql: `-- Tables without:
SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND c.relreplident <> 'f' AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND (
      c.relreplident = 'd' AND i.indisprimary AND i.indimmediate OR c.relreplident = 'i' AND i.indisreplident));
ALTER TABLE public.log REPLICA IDENTITY FULL;`,
    },
  ),
  MESSAGE_KEY: fatal(
    'publisher.messageKeyFrom names a column that a table does not have, or that UPDATE and DELETE do not always carry since the replica identity does not hold it.',
    'Name columns that the replica identity holds, or give the table REPLICA IDENTITY FULL.',
    { sql: 'ALTER TABLE public.orders REPLICA IDENTITY FULL;' },
  ),
  PREFLIGHT: fatal(
    'Several things stand in the way of streaming, or one without a code of its own (version or encoding). As a warning: a setting of the server that a person should look at.',
    'Mend each finding that is listed.',
    { shell: 'wal-listener check' },
  ),
  PROTOCOL: fatal(
    'The replication stream held something that is not pgoutput protocol 1, or a value that is not of its type.',
    'Report it with the log line, which names the place in the WAL; the slot keeps everything unpublished.',
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

const BROKERS = {
  BROKER_UNREACHABLE: retry(
    'The broker could not be reached or the connection broke; of standard output: nobody reads it.',
    'Check publisher.address, publisher.enableTLS, the firewall, and that the broker runs.',
    { shell: 'nc -vz HOST PORT' },
  ),
  BROKER_REFUSED: retry(
    'The broker answers but does not take messages for now: a quota, an alarm or a full queue, no leader or too few in-sync replicas, or the stream, exchange or topic was deleted.',
    'See the reason in the message, and the state of the broker.',
    {
      shell:
        'nats stream info STREAM\nkafka-topics.sh --bootstrap-server HOST:9092 --describe --under-min-isr-partitions\nrabbitmq-diagnostics alarms',
    },
  ),
  BROKER_TIMEOUT: retry(
    'The broker did not answer in time: no acknowledgement within listener.ackTimeout, no answer to a request, or no room for new events for listener.maxPause.',
    "Check the broker's load and disks and the network, and raise listener.ackTimeout where it is only slow.",
  ),
  BROKER_AUTH: fatal(
    'The broker refused the credentials, or the user may not do what publishing needs.',
    "Check the credentials (publisher.username, publisher.password, publisher.credsFile, publisher.pubsub.credentialsFile …) and the user's permissions.",
  ),
  BROKER_TLS: fatal(
    'The TLS handshake with the broker failed: it offers or wants none, its certificate is not trusted or has another name, or it does not take ours.',
    'Check publisher.enableTLS, publisher.caCert, publisher.serverName, publisher.clientCert and publisher.clientKey.',
    { shell: 'openssl s_client -connect HOST:PORT -showcerts </dev/null' },
  ),
  BROKER_CONFIG: fatal(
    'The broker is not set up for what is configured, or a key or file of `publisher` does not fit it. As a warning: a setting of the broker weakens what its acknowledgement promises.',
    "Change the key, the file or the broker's setting that the message names; docs/brokers.md says what each broker needs.",
  ),
  BROKER_OTHER_WRITER: retry(
    'Another writer publishes to the stream, or another process in the place of this one.',
    'Give wal-listener a stream of its own, and installations that are no replicas of each other slots of their own.',
  ),
  SUBJECT_NOT_COVERED: fatal(
    'No stream or topic takes the event: the stream does not store its subject, or the topic does not exist.',
    'Add the subject to the stream, or create the topic (publisher.pubsub.createTopics does).',
    { shell: "nats stream edit STREAM --subjects='shop.>'\ngcloud pubsub topics create shop.public_users" },
  ),
  POISON: fatal(
    'The broker can never take this message: it is too large, or invalid. Or a dead letter found no queue.',
    'Raise the limit, exclude the column (listener.exclude.columns), or choose publisher.onPoison: deadLetter or skip.',
    {
      shell:
        '# NATS: max_payload in nats-server.conf; RabbitMQ: max_message_size in rabbitmq.conf; Pub/Sub: fixed\nkafka-configs.sh --bootstrap-server HOST:9092 --alter --entity-type topics --entity-name TOPIC --add-config max.message.bytes=8388608',
    },
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

/** The codes by what they are about, for the manual. */
export const ERROR_GROUPS: readonly (readonly [title: string, codes: Readonly<Record<string, ErrorCodeEntry>>])[] = [
  ['The process', PROCESS],
  ['PostgreSQL: the connection', CONNECTION],
  ['PostgreSQL: slot and publication', SLOT],
  ['Brokers', BROKERS],
];

/** Every error the service can name: the operator's manual in code. docs/errors.md is made from it. */
export const ERROR_CODES = { ...PROCESS, ...CONNECTION, ...SLOT, ...BROKERS };

export type ErrorCode = keyof typeof ERROR_CODES;
