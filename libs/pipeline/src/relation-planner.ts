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
  /**
   * The ordering keys of this table's rows are made anew, or their topic is another: the next event waits for all before
   * it and holds back all after it, since the events of a row no longer share a key with its earlier ones.
   */
  barrierNext: boolean;
}

/** What the catalog said of the tables when the stream was opened. */
export interface CatalogReading {
  readonly tables: readonly KnownTable[];
  /** Everything committed before was visible. */
  readonly lsn: bigint;
}

/** Compiles what each Relation message means for us: published or not, topic, ordering key, JSON pieces. */
export class RelationPlanner {
  private readonly planned = new Map<number, PlannedRelation>();
  private readonly primaryKeys: ReadonlyMap<number, readonly string[]>;
  /** Topic and key columns of the last plan, by OID and by table name: a name can pass on to another table. */
  private readonly lanes = new Map<string, string>();

  constructor(
    private readonly rules: PlannerRules,
    private readonly known: CatalogReading,
    private readonly askPrimaryKey: (relationOid: number) => Promise<readonly string[]>,
    /** Called when the broker's form of a topic is another than the configured one. */
    private readonly onRenamed: (wanted: string, topic: string) => void,
  ) {
    this.primaryKeys = new Map(known.tables.map((table) => [table.oid, table.primaryKey]));
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
   * relation must wait for it. The catalog may have moved on since the transaction, so the reading that comes soonest
   * after it is the one to go by; a key whose columns the relation lacks makes way for the table's name.
   * @param commitLsn of the transaction it is in
   * @throws AppError MESSAGE_KEY when the configured key columns are not always sent
   */
  learn(relation: Relation, commitLsn: bigint): Promise<void> | undefined {
    const decision = this.rules.filter.decide(relation.schema, relation.table);
    const known = commitLsn < this.known.lsn ? this.primaryKeys.get(relation.oid) : undefined;
    if (!decision.any || known !== undefined || !this.needsPrimaryKey(relation)) {
      this.compile(relation, decision, known ?? []);
      return undefined;
    }
    return this.askPrimaryKey(relation.oid).then((primaryKey) => this.compile(relation, decision, primaryKey));
  }

  private compile(relation: Relation, decision: RelationDecision, primaryKey: readonly string[]): void {
    const plan = decision.any ? this.compilePlan(relation, primaryKey) : undefined;
    const isPending = this.planned.get(relation.oid)?.barrierNext === true;
    const barrierNext = plan !== undefined && (this.changesLane(plan) || isPending);
    this.planned.set(relation.oid, { decision, plan, table: relation.table, filtered: 0, barrierNext });
  }

  private changesLane(plan: RowPlan): boolean {
    if (!plan.needsKeys) return false;
    const { oid, schema, table, columns } = plan.relation;
    const key = [...plan.keyIndexes].map((index) => {
      const { name, typeOid, typeModifier } = columns[index];
      // The modifier too: another scale of a numeric prints every value anew.
      return [name, typeOid, typeModifier];
    });
    const lane = JSON.stringify([plan.route.topic, key.length > 0 ? key : table]);
    const places = [String(oid), `${schema}.${table}`];
    const isOther = places.some((place) => (this.lanes.get(place) ?? lane) !== lane);
    for (const place of places) this.lanes.set(place, lane);
    return isOther;
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
