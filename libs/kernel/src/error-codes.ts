/** What the operator's manual says about one error code. */
export interface ErrorCodeEntry {
  /** Whether another attempt can succeed without a person. */
  readonly retriable: boolean;
  readonly cause: string;
  readonly remedy: string;
}

const fatal = (cause: string, remedy: string): ErrorCodeEntry => ({ retriable: false, cause, remedy });
const retry = (cause: string, remedy: string): ErrorCodeEntry => ({ retriable: true, cause, remedy });

/** Every error the service can name: the operator's manual in code. */
export const ERROR_CODES = {
  // The process
  CONFIG_INVALID: fatal(
    'The configuration has faults.',
    'Mend every fault listed; docs/configuration.md has all keys.',
  ),
  USAGE: fatal('The command line was not understood.', 'See wal-listener --help.'),
  INTERNAL: fatal('A defect in wal-listener.', 'Report it with the log line; the slot keeps everything unpublished.'),

  // PostgreSQL: the connection
  PG_CONNECTION_LOST: retry(
    'The connection to PostgreSQL could not be made or broke.',
    'Retried for ever; check host, port, firewall and that the server runs.',
  ),
  PG_AUTH: fatal('PostgreSQL refused the user or password.', 'Check database.user, database.password and pg_hba.conf.'),
  PG_TLS: fatal('The TLS handshake with PostgreSQL failed.', 'Check database.sslMode and the certificates.'),
  PG_DATABASE_MISSING: fatal('The database does not exist.', 'Check database.name.'),
  PG_PRIVILEGE: fatal('The user lacks a privilege.', 'Grant it as the message says.'),
  PG_SESSION_SETTING: fatal(
    'The session does not keep a setting that decoding relies on (a connection pooler is in between).',
    'Connect to PostgreSQL directly.',
  ),
  PG_QUERY: retry('PostgreSQL refused a statement.', 'See the SQLSTATE and message.'),
  PG_REPEATED: fatal('The same SQLSTATE came three times at the same position.', 'Mend what the message names.'),

  // PostgreSQL: slot and publication
  WAL_LEVEL: fatal('wal_level is not logical.', "ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL."),
  SLOT_MISSING: fatal('The slot does not exist.', 'Create it, or allow it with listener.createSlot: auto.'),
  SLOT_LOST: fatal(
    'The slot was in use before and is gone or invalidated: changes since then cannot be read.',
    'Decide about the gap: re-synchronise consumers, then listener.onSlotLost: recreate.',
  ),
  SLOT_MISMATCH: fatal('The slot is not ours to use (plugin, database or kind).', 'Use another listener.slotName.'),
  SLOT_IN_USE: retry('Another process streams from the slot.', 'Waits as standby and takes over.'),
  SLOTS_EXHAUSTED: fatal('No replication slot or sender is free.', 'Raise max_replication_slots / max_wal_senders.'),
  PUBLICATION_MISSING: fatal('The publication does not exist.', 'Create it; see the statement in the message.'),
  PUBLICATION_TOO_YOUNG: fatal(
    'The publication did not exist yet at a position that must be decoded (it was made after the slot).',
    'Drop the slot and the publication and start anew, or recover the changes by other means.',
  ),
  REPLICA_IDENTITY: fatal('Tables have no replica identity.', 'Run the ALTER TABLE statements in the message.'),
  MESSAGE_KEY: fatal('publisher.messageKeyFrom names a column that is not always sent.', 'See the message.'),
  PREFLIGHT: fatal('The database is not ready for replication.', 'Mend each finding listed.'),
  PROTOCOL: fatal('The replication stream held something that is not pgoutput protocol 1.', 'Report it.'),

  // Brokers
  BROKER_UNREACHABLE: retry(
    'The broker could not be reached or the connection broke.',
    'Retried for ever; check publisher.address and that the broker runs.',
  ),
  BROKER_REFUSED: retry('The broker refused a message for now.', 'Retried for ever; see the reason.'),
  BROKER_TIMEOUT: retry('The broker did not acknowledge within listener.ackTimeout.', 'Retried for ever.'),
  BROKER_AUTH: fatal('The broker refused the credentials.', 'Check the publisher credentials.'),
  BROKER_TLS: fatal('The TLS handshake with the broker failed.', 'Check publisher.caCert and serverName.'),
  BROKER_CONFIG: fatal('The broker is not set up for what is configured.', 'See the message.'),
  BROKER_OTHER_WRITER: retry(
    'Another writer publishes to the stream, or another process in the place of this one.',
    'Give wal-listener a stream of its own, and installations that are no replicas of each other slots of their own.',
  ),
  SUBJECT_NOT_COVERED: fatal(
    'No stream or topic takes the event.',
    'Add the subject to the stream or create the topic, as the message says.',
  ),
  POISON: fatal(
    'The broker can never take this message (too large or invalid).',
    'Raise the limit, exclude the column, or choose publisher.onPoison.',
  ),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
