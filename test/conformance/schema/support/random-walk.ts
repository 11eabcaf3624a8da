import type { Oracle } from './oracle.js';

const TABLES = 4;
const KEY_TYPES = ['int', 'bigint', 'text'];
const VALUES: Readonly<Record<string, string>> = {
  int: '42',
  bigint: '9007199254740993',
  text: "'some text'",
  boolean: 'true',
  numeric: '1.10',
  jsonb: `'{"a": [1, 2.50]}'`,
  timestamptz: "'2024-02-29 12:00:00.25Z'",
};
const COLUMN_TYPES = Object.keys(VALUES);

interface Column {
  readonly name: string;
  readonly type: string;
}

/**
 * DDL and DML by chance over a handful of tables: columns, keys, replica identities, names and tables themselves come,
 * change and go, in transactions of any length, some of it taken back. PostgreSQL refuses what makes no sense.
 */
export class RandomWalk {
  private row = 0;

  constructor(
    private readonly db: Oracle,
    private readonly random: () => number,
  ) {}

  async walk(steps: number): Promise<void> {
    for (let done = 0; done < steps;) {
      const length = this.random() < 0.4 ? 1 : 1 + this.below(8);
      done += length;
      await this.db.transaction(async () => {
        for (let step = 0; step < length; step++) {
          const anything = () => this.db.attempt(() => this.step());
          if (this.random() < 0.1) await this.db.takenBack(async () => void (await anything()));
          else await anything();
        }
      });
    }
  }

  private async step(): Promise<void> {
    const table = this.name('t', TABLES);
    const columns = await this.columns(table);
    if (columns === undefined) return this.create(table);
    const others = columns.filter(({ name }) => name !== 'id');
    if (this.random() < 0.65) await this.change(table, others);
    else await this.alter(table, this.pick(others));
  }

  private async change(table: string, others: readonly Column[]): Promise<void> {
    const values = () =>
      Object.fromEntries(others.filter(() => this.random() < 0.6).map(({ name, type }) => [name, this.valueOf(type)]));
    const one = `ctid = (SELECT ctid FROM ${table} ORDER BY id DESC LIMIT 1)`;
    const kind = this.random();
    if (kind < 0.5) await this.db.insert(table, { id: this.nextId(), ...values() });
    else if (kind < 0.7) await this.db.update(table, { ...values(), id: 'id' }, one);
    else if (kind < 0.85) await this.db.update(table, { id: this.nextId(), ...values() }, one);
    else if (kind < 0.95) await this.db.remove(table, one);
    else await this.db.truncate(table);
  }

  private async alter(table: string, column: Column | undefined): Promise<void> {
    const fresh = this.name('c', 6);
    const type = this.pick(COLUMN_TYPES) ?? 'int';
    const name = column?.name ?? fresh;
    const alter = this.pick([
      `ADD COLUMN ${fresh} ${type}`,
      `ADD COLUMN ${fresh} ${type} DEFAULT ${VALUES[type]}`,
      `DROP COLUMN ${name}`,
      `RENAME COLUMN ${name} TO ${fresh}`,
      `ALTER COLUMN ${name} TYPE text`,
      `ALTER COLUMN ${name} TYPE ${type} USING ${this.valueOf(type)}`,
      `ALTER COLUMN id TYPE ${this.pick(KEY_TYPES) ?? 'text'} USING id::text::${this.pick(KEY_TYPES) ?? 'text'}`,
      'REPLICA IDENTITY FULL',
      'REPLICA IDENTITY DEFAULT',
      'REPLICA IDENTITY NOTHING',
      `REPLICA IDENTITY USING INDEX ${table}_by_id`,
      'DROP CONSTRAINT IF EXISTS pk',
      'ADD CONSTRAINT pk PRIMARY KEY (id)',
      `RENAME TO ${this.name('t', TABLES)}`,
      undefined,
    ]);
    await this.db.ddl(alter === undefined ? `DROP TABLE ${table}` : `ALTER TABLE ${table} ${alter}`);
  }

  private create(table: string): Promise<void> {
    const type = this.pick(KEY_TYPES) ?? 'int';
    const index = `CREATE UNIQUE INDEX IF NOT EXISTS ${table}_by_id ON ${table} (id)`;
    return this.db.ddl(
      `CREATE TABLE ${table} (id ${type} NOT NULL CONSTRAINT pk_${table} PRIMARY KEY, c0 text); ${index}`,
    );
  }

  private async columns(table: string): Promise<readonly Column[] | undefined> {
    const rows = await this.db.rows<{ name: string; type: string }>(
      `SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type FROM pg_attribute a
       WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [table],
    );
    return rows.length === 0 ? undefined : rows;
  }

  private valueOf(type: string): string {
    const short = { integer: 'int', 'timestamp with time zone': 'timestamptz' }[type] ?? type;
    return this.random() < 0.2 ? 'NULL' : (VALUES[short] ?? 'NULL');
  }

  private nextId(): string {
    return `'${String(++this.row)}'`;
  }

  private name(prefix: string, count: number): string {
    return `${prefix}${String(this.below(count))}`;
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}
