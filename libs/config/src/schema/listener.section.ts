import { ArrayNotEmpty, Matches, Max, MaxLength, Min } from 'class-validator';
import type { FilterAction } from '../app-config.js';
import { tableActions, textList, textMap } from '../kinds/collection-kinds.js';
import { duration } from '../kinds/measure-kinds.js';
import { flag, oneOf, text, wholeNumber } from '../kinds/scalar-kinds.js';
import { accepts, Option, Section } from './option.js';

/** Timers of Node cannot wait for longer than 24 days; a day is plenty for everything that repeats. */
export const DAY_MS = 86_400_000;
const INTERVAL = accepts('a duration from `1ms` to `24h`');
const SLOT_NAME = accepts('lower-case letters, digits and _, at most 63 characters');
const PUBLICATION = accepts('publication names of 1 to 63 characters, at least one');
const PORT_OR_OFF = accepts('a port from 1 to 65535, or 0 for off');

const COUNT_OR_OFF = accepts('a whole number, 0 or more');

const TABLE_NAMES = 'A table is named `table`, `schema.table`, or `/regex/` over `schema.table`.';

export class FilterSection {
  @Option(tableActions, {
    description:
      'What is published: the actions (`insert`, `update`, `delete`, `truncate`) of the tables listed, nothing else. ' +
      `Not set = everything. ${TABLE_NAMES}`,
    defaultText: 'everything',
    example: '{"users":["insert","update"]}',
  })
  tables: ReadonlyMap<string, readonly FilterAction[]> | undefined = undefined;
}

export class IncludeSection {
  @Option(tableActions, {
    description: `Restricts the actions of the tables listed; all other tables pass. ${TABLE_NAMES}`,
    example: '{"users":["insert"]}',
  })
  tables: ReadonlyMap<string, readonly FilterAction[]> = new Map<string, readonly FilterAction[]>();
}

export class ExcludeSection {
  @Option(textList(), {
    description: 'Schemas whose tables are not published, whatever the case.',
    defaultText: 'none',
    example: 'internal,audit',
  })
  schemas: readonly string[] = [];

  @Option(textList({ patterns: true }), {
    description: `Tables that are not published, whatever the case. ${TABLE_NAMES}`,
    defaultText: 'none',
    example: 'audit_log,public.sessions',
  })
  tables: readonly string[] = [];

  @Option(textList(), {
    description: 'Columns that are left out of every event, whatever the case and the table.',
    defaultText: 'none',
    example: 'password_digest',
  })
  columns: readonly string[] = [];
}

export class ListenerSection {
  @Matches(/^[a-z0-9_]{1,63}$/, SLOT_NAME)
  @Option(text, { description: 'Name of the replication slot. Every running listener needs its own.' })
  slotName: string = 'wal_listener';

  @ArrayNotEmpty(PUBLICATION)
  @MaxLength(63, { ...PUBLICATION, each: true })
  @Option(textList(), {
    description:
      'Publication(s) to read: one name or a list. One that is missing is created together with a new slot, for all ' +
      'tables. Row filters, column lists and publish options of an existing one are honoured.',
  })
  publication: readonly string[] = ['wal-listener'];

  @Min(0, PORT_OR_OFF)
  @Max(65_535, PORT_OR_OFF)
  @Option(wholeNumber, {
    description: 'HTTP port of the probes `/ready` and `/healthz`; 0 = off.',
    defaultText: 'off',
    example: '8080',
  })
  serverPort: number | undefined = undefined;

  @Min(1, INTERVAL)
  @Max(DAY_MS, INTERVAL)
  @Option(duration, { description: 'How often the connections to the database and to the broker are checked.' })
  refreshConnection: number = 30_000;

  @Min(1, INTERVAL)
  @Max(DAY_MS, INTERVAL)
  @Option(duration, {
    description:
      'How often PostgreSQL is told the position (standby status). The session sets its own `wal_sender_timeout` to ' +
      'three times this, at least 60s.',
  })
  heartbeatInterval: number = 10_000;

  @Min(1, INTERVAL)
  @Max(DAY_MS, INTERVAL)
  @Option(duration, {
    description: 'How long a broker may take to acknowledge before the attempt counts as failed and is repeated.',
  })
  ackTimeout: number = 30_000;

  @Section('What is published, as an allow-list.')
  filter: FilterSection = new FilterSection();

  @Section('Restrictions of single tables.')
  include: IncludeSection = new IncludeSection();

  @Section('What is left out.')
  exclude: ExcludeSection = new ExcludeSection();

  @Option(textMap({ patterns: true }), {
    description:
      'Renames topics: from `schema_table` to a name. Exact keys are looked up first, then `/regex/` keys in the order ' +
      'written; the first match wins. A pattern replaces the part that it matches; `$1`, `${name}` and `$$` work as in Go.',
    example: '{"public_users":"people","/^public_(.*)$/":"app_$1"}',
  })
  topicsMap: ReadonlyMap<string, string> = new Map<string, string>();

  @Option(flag, {
    description: 'Accepted for older configurations; has no effect, since events always stream with bounded memory.',
  })
  skipTransactionBuffering: boolean = false;

  @Option(flag, {
    description:
      'Leaves out changes that came to this database by replication from another one. PostgreSQL 16 and later filter ' +
      'them at the source; with older servers they are dropped here.',
  })
  dropForeignOrigin: boolean = false;

  @Min(0, COUNT_OR_OFF)
  @Option(wholeNumber, {
    description:
      'Publishes only the first so many events of a transaction (counted after filters); the rest are counted and logged.',
    defaultText: '0 (off)',
  })
  maxTransactionSize: number = 0;

  @Option(oneOf(['halt', 'recreate']), {
    description:
      'What to do when a slot that was in use is gone or invalidated, so that changes are lost: `halt`, or `recreate` ' +
      'it and go on after the gap, saying which part is gone.',
  })
  onSlotLost: 'halt' | 'recreate' = 'halt';

  @Option(oneOf(['auto', 'never']), {
    description: '`auto` creates the slot on the first start; `never` only uses a slot that exists.',
  })
  createSlot: 'auto' | 'never' = 'auto';

  @Option(flag, { description: 'Creates the slot as a failover slot (PostgreSQL 17 and later).' })
  failoverSlot: boolean = false;

  @Option(flag, {
    description:
      'Creates the publication even when tables lack a replica identity. PostgreSQL then refuses every UPDATE and ' +
      'DELETE on them.',
  })
  allowMissingReplicaIdentity: boolean = false;

  @Min(1, INTERVAL)
  @Max(DAY_MS, INTERVAL)
  @Option(duration, {
    description:
      'When the broker holds everything up for longer than this, the replication connection is closed until it answers ' +
      '(PostgreSQL cannot shut down while one is open that has not confirmed everything).',
  })
  maxPause: number = 60_000;
}
