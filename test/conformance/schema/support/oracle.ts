import type pg from 'pg';
import { deleteEvent, insertEvent, type RowText, truncateEvent, updateEvent } from './expected-event.js';
import {
  publishedRelation,
  storedRelation,
  type PublishedRelation,
  type StoredRelation,
} from './published-relation.js';

/** Column → SQL expression. */
export type Assignments = Readonly<Record<string, string>>;

interface SeenRow {
  readonly oid: string;
  readonly row: RowText;
}

/**
 * Writes to the database and says which events must come of it: names, types and replica identities are those of the
 * catalog at the moment of each statement, values are what PostgreSQL itself prints.
 */
export class Oracle {
  /** Bodies without id and commit time, in commit order. */
  readonly expected: string[] = [];
  private pending: string[] = [];
  private depth = 0;
  /** What the catalog said, by question; good until the next DDL. */
  private readonly known = new Map<string, unknown>();

  /** @param betweenSteps awaited after each statement */
  constructor(
    private readonly client: pg.Client,
    private readonly publication: string,
    readonly serverVersion: number,
    public betweenSteps: () => Promise<void> = () => Promise.resolve(),
  ) {}

  get isInTransaction(): boolean {
    return this.depth > 0;
  }

  /** Everything within `work` is one transaction; without it each statement is one of its own. */
  async transaction(work: () => Promise<void>): Promise<void> {
    if (this.depth > 0) return work();
    await this.client.query('BEGIN');
    this.depth = 1;
    this.pending = [];
    try {
      await work();
    } catch (error) {
      this.depth = 0;
      this.known.clear();
      await this.client.query('ROLLBACK');
      throw error;
    }
    this.depth = 0;
    await this.client.query('COMMIT');
    this.expected.push(...this.pending);
  }

  /** Runs `work` and takes it back, its DDL too; what came before in the transaction stays. */
  takenBack(work: () => Promise<void>): Promise<void> {
    return this.step(async () => {
      const kept = this.pending.length;
      await this.client.query('SAVEPOINT taken_back');
      await work();
      await this.client.query('ROLLBACK TO taken_back');
      this.known.clear();
      this.pending.length = kept;
    });
  }

  /** Like `takenBack` where PostgreSQL refuses `work`; returns whether it did not. */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    let done = true;
    await this.step(async () => {
      const kept = this.pending.length;
      await this.client.query('SAVEPOINT attempt');
      try {
        await work();
        await this.client.query('RELEASE attempt');
      } catch (error) {
        if (!(error instanceof Error && 'severity' in error)) throw error;
        done = false;
        await this.client.query('ROLLBACK TO attempt');
        this.known.clear();
        this.pending.length = kept;
      }
    });
    return done;
  }

  async rows<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.client.query<Row>(sql, [...values])).rows;
  }

  ddl(sql: string): Promise<void> {
    return this.step(async () => {
      this.known.clear();
      await this.client.query(sql);
    });
  }

  insert(table: string, values: Assignments): Promise<void> {
    return this.step(async () => {
      const names = Object.keys(values).map(quoted).join();
      const sql = `INSERT INTO ${table} (${names}) VALUES (${Object.values(values).join()})`;
      for (const { oid, row } of await this.returning(table, sql)) {
        const relation = await this.published(oid, 'insert');
        if (relation !== undefined && (await this.passes(relation, row))) this.add(insertEvent(relation, row));
      }
    });
  }

  /** Of one row. One that moves to another partition is deleted there and inserted here. */
  update(table: string, set: Assignments, where: string): Promise<void> {
    return this.step(async () => {
      const before = (await this.select(table, where)).at(0);
      const assignments = Object.entries(set).map(([name, value]) => `${quoted(name)} = ${value}`);
      const sql = `UPDATE ${table} SET ${assignments.join()} WHERE ${where}`;
      const after = (await this.returning(table, sql)).at(0);
      if (before === undefined || after === undefined) return;
      if (before.oid === after.oid) await this.updated(before, after, Object.keys(set));
      else {
        await this.deleted(before);
        const relation = await this.published(after.oid, 'insert');
        if (relation !== undefined) this.add(insertEvent(relation, after.row));
      }
    });
  }

  /** Of one row. */
  remove(table: string, where: string): Promise<void> {
    return this.step(async () => {
      for (const seen of await this.select(table, where)) await this.deleted(seen);
      await this.client.query(`DELETE FROM ${table} WHERE ${where}`);
    });
  }

  truncate(...tables: readonly string[]): Promise<void> {
    return this.step(async () => {
      const list = tables.map((table) => `'${table}'::regclass`).join();
      const { rows } = await this.client.query<{ oid: string }>(
        `SELECT DISTINCT t.relid::int8::text AS oid FROM unnest(ARRAY[${list}]) AS named(root),
           LATERAL (SELECT relid FROM pg_partition_tree(named.root) UNION SELECT named.root) AS t`,
      );
      await this.client.query(`TRUNCATE ${tables.join()}`);
      for (const { oid } of rows) {
        const relation = await publishedRelation(this.client, this.publication, oid, false);
        if (relation?.actions.has('truncate') === true) this.add(truncateEvent(relation));
      }
    });
  }

  private async step(work: () => Promise<void>): Promise<void> {
    await this.transaction(work);
    await this.betweenSteps();
  }

  private add(event: string): void {
    this.pending.push(event);
  }

  private async published(oid: string, action: string): Promise<PublishedRelation | undefined> {
    const relation = await this.ask(`published ${oid}`, () => publishedRelation(this.client, this.publication, oid));
    return relation?.actions.has(action) === true ? relation : undefined;
  }

  private async deleted({ oid, row }: SeenRow): Promise<void> {
    const relation = await this.published(oid, 'delete');
    if (relation === undefined || !(await this.passes(relation, row))) return;
    this.add(deleteEvent(relation, await this.stored(oid), row));
  }

  /** With a row filter an UPDATE counts as the arrival or the departure of the row where only one version passes. */
  private async updated(before: SeenRow, after: SeenRow, assigned: readonly string[]): Promise<void> {
    const relation = await this.published(after.oid, 'update');
    if (relation === undefined) return;
    const stored = await this.stored(after.oid);
    const [was, is] = [await this.passes(relation, before.row), await this.passes(relation, after.row)];
    if (was && is) this.add(updateEvent(relation, stored, before.row, after.row, assigned));
    else if (is) this.add(insertEvent(relation, after.row));
    else if (was) this.add(deleteEvent(relation, stored, before.row));
  }

  /** The filter over a row's text; filters of these tests compare numbers in `id`. */
  private async passes(relation: PublishedRelation, row: RowText): Promise<boolean> {
    if (relation.rowFilter === undefined) return true;
    const sql = `SELECT (${relation.rowFilter}) AS passes FROM (SELECT $1::bigint AS id) AS row`;
    return (await this.client.query<{ passes: boolean }>(sql, [row['id']])).rows[0].passes;
  }

  private async select(table: string, where: string): Promise<readonly SeenRow[]> {
    return this.seen(`SELECT ${await this.asText(table)} FROM ${table} WHERE ${where}`);
  }

  private async returning(table: string, sql: string): Promise<readonly SeenRow[]> {
    return this.seen(`${sql} RETURNING ${await this.asText(table)}`);
  }

  private async seen(sql: string): Promise<readonly SeenRow[]> {
    const { rows } = await this.client.query<Record<string, string | null>>(sql);
    return rows.map(({ '~oid': oid, ...row }) => ({ oid: String(oid), row }));
  }

  /** Every column through its type's output function, and which table the row is stored in. */
  private asText(table: string): Promise<string> {
    return this.ask(`text ${table}`, async () => {
      const { rows } = await this.client.query<{ oid: string }>(`SELECT '${table}'::regclass::oid::int8::text AS oid`);
      const { columns } = await this.stored(rows[0].oid);
      const texts = columns.map(
        (name) => `CASE WHEN ${quoted(name)} IS NOT NULL THEN concat(${quoted(name)}) END AS ${quoted(name)}`,
      );
      return ['tableoid::int8::text AS "~oid"', ...texts].join();
    });
  }

  private stored(oid: string): Promise<StoredRelation> {
    return this.ask(`stored ${oid}`, () => storedRelation(this.client, oid));
  }

  private async ask<T>(question: string, find: () => Promise<T>): Promise<T> {
    if (!this.known.has(question)) this.known.set(question, await find());
    return this.known.get(question) as T;
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
