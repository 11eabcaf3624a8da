import { chooseKeyColumns, compileRowPlan, type RowPlan } from '#lib/events';
import type { RelationDecision, RelationFilter, TopicRouter } from '#lib/filtering';
import { AppError } from '#lib/kernel';
import type { Relation } from '#lib/pgoutput';
import type { PublisherConfig } from '#lib/config';
import { quoteTable, type KnownTable } from '#lib/replication';

export interface PlannerRules {
  readonly filter: RelationFilter;
  readonly router: TopicRouter;
  /** The broker's form of a topic name. */
  readonly topicName: (name: string) => string;
  readonly needsKeys: boolean;
  readonly tags: ReadonlyMap<string, string> | undefined;
  readonly messageKeyFrom: PublisherConfig['messageKeyFrom'];
}

/** What the pump needs to know about a relation; looked up once per row. */
export interface PlannedRelation {
  readonly decision: RelationDecision;
  /** Undefined when nothing of the relation is published. */
  readonly plan: RowPlan | undefined;
  readonly table: string;
  /** Changes left out since they were last reported. */
  filtered: number;
}

/** Compiles what each Relation message means for us: published or not, topic, ordering key, JSON pieces. */
export class RelationPlanner {
  private readonly planned = new Map<number, PlannedRelation>();
  private readonly primaryKeys: Map<number, readonly string[]>;

  constructor(
    private readonly rules: PlannerRules,
    knownTables: readonly KnownTable[],
    private readonly askPrimaryKey: (relationOid: number) => Promise<readonly string[]>,
    /** Called when the broker's form of a topic is another than the configured one. */
    private readonly onRenamed: (wanted: string, topic: string) => void,
  ) {
    this.primaryKeys = new Map(knownTables.map((table) => [table.oid, table.primaryKey]));
  }

  /** The relation's plan; undefined before its Relation message. */
  get(oid: number): PlannedRelation | undefined {
    return this.planned.get(oid);
  }

  /** The topics of the tables known at start that will be published, each once. */
  topicsOf(tables: readonly KnownTable[]): readonly string[] {
    const published = tables.filter((table) => this.rules.filter.decide(table.schema, table.table).any);
    return [...new Set(published.map((table) => this.topicOf(table.schema, table.table)))];
  }

  /**
   * Takes a Relation message. Returns a promise when the primary key has to be asked from the catalog first: rows of the
   * relation must wait for it.
   * @throws AppError MESSAGE_KEY when the configured key columns are not always sent
   */
  learn(relation: Relation): Promise<void> | undefined {
    const decision = this.rules.filter.decide(relation.schema, relation.table);
    const known = this.primaryKeys.get(relation.oid);
    if (!decision.any || known !== undefined || !this.needsPrimaryKey(relation)) {
      this.compile(relation, decision, known ?? []);
      // The cached key served once; the next Relation message of this table means that its definition changed.
      this.primaryKeys.delete(relation.oid);
      return undefined;
    }
    return this.askPrimaryKey(relation.oid).then((primaryKey) => this.compile(relation, decision, primaryKey));
  }

  private compile(relation: Relation, decision: RelationDecision, primaryKey: readonly string[]): void {
    const plan = decision.any ? this.compilePlan(relation, primaryKey) : undefined;
    this.planned.set(relation.oid, { decision, plan, table: relation.table, filtered: 0 });
  }

  private compilePlan(relation: Relation, primaryKey: readonly string[]): RowPlan {
    const { schema, table } = relation;
    return compileRowPlan(relation, {
      route: { schema, table, topic: this.topicOf(schema, table) },
      tags: this.rules.tags,
      excludedColumn: (name) => this.rules.filter.excludesColumn(name),
      keyColumns: chooseKeyColumns(relation, { configured: this.configuredKey(relation), primaryKey }),
      needsKeys: this.rules.needsKeys,
    });
  }

  /** REPLICA IDENTITY FULL flags every column and NOTHING flags none: only the catalog knows the primary key then. */
  private needsPrimaryKey(relation: Relation): boolean {
    if (!this.rules.needsKeys || this.configuredKey(relation) !== undefined) return false;
    return relation.replicaIdentity === 'f' || relation.replicaIdentity === 'n';
  }

  private configuredKey(relation: Relation): readonly string[] | undefined {
    const { messageKeyFrom } = this.rules;
    if (messageKeyFrom === undefined) return undefined;
    const { schema, table } = relation;
    const columns =
      messageKeyFrom.kind === 'all'
        ? messageKeyFrom.columns
        : (messageKeyFrom.tables.get(`${schema}.${table}`) ?? messageKeyFrom.tables.get(table));
    if (columns === undefined) return undefined;
    const byName = new Map(relation.columns.map((column) => [column.name, column]));
    // One name for all tables cannot fit all of them: a table without the column keeps its own key.
    if (messageKeyFrom.kind === 'all' && columns.some((name) => !byName.has(name))) return undefined;
    const unsent = columns.filter((name) => byName.get(name)?.isKey !== true);
    if (unsent.length > 0 && relation.replicaIdentity !== 'n') {
      throw new AppError(
        'MESSAGE_KEY',
        `publisher.messageKeyFrom names ${unsent.join(', ')} for ${schema}.${table}, which its replica identity does not hold`,
        {
          facts: { schema, table },
          remedy:
            `ALTER TABLE ${quoteTable(schema, table)} REPLICA IDENTITY FULL;\n` +
            'Or REPLICA IDENTITY USING INDEX, with a unique index that has these columns.',
        },
      );
    }
    return columns;
  }

  private topicOf(schema: string, table: string): string {
    const wanted = this.rules.router.topicOf(schema, table);
    const topic = this.rules.topicName(wanted);
    if (topic !== wanted) this.onRenamed(wanted, topic);
    return topic;
  }
}
