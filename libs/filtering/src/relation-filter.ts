import type { Action } from '#lib/events';
import { compileTableMatcher, type TableMatcher } from './table-matcher.js';

type RuleAction = 'insert' | 'update' | 'delete' | 'truncate';
type TableRules = ReadonlyMap<string, readonly RuleAction[]>;

/** What the user asked to see; names are `table`, `schema.table` or `/regex/`. */
export interface FilterRules {
  /** Allow-list; undefined = every table. */
  readonly filterTables: TableRules | undefined;
  /** Restricts the actions of the tables it names; others pass. */
  readonly includeTables: TableRules;
  /** Compared without case. */
  readonly exclude: {
    readonly schemas: readonly string[];
    readonly tables: readonly string[];
    readonly columns: readonly string[];
  };
}

/** What is published of one relation; made once per Relation message. */
export interface RelationDecision {
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly truncate: boolean;
  /** False when no action is published: its rows need not be looked at. */
  readonly any: boolean;
}

interface CompiledRule {
  readonly matches: TableMatcher;
  readonly actions: ReadonlySet<string>;
}

const ACTIONS: readonly Action[] = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'];

/** Decides which actions of which tables and which columns are published. */
export class RelationFilter {
  private readonly filter: readonly CompiledRule[] | undefined;
  private readonly include: readonly CompiledRule[];
  private readonly excludedSchemas: ReadonlySet<string>;
  private readonly excludedTables: readonly TableMatcher[];
  private readonly excludedColumns: ReadonlySet<string>;

  /** @throws SyntaxError for a `/regex/` JavaScript cannot take */
  constructor(rules: FilterRules) {
    this.filter = rules.filterTables === undefined ? undefined : compileRules(rules.filterTables);
    this.include = compileRules(rules.includeTables);
    this.excludedSchemas = new Set(rules.exclude.schemas.map((name) => name.toLowerCase()));
    this.excludedTables = rules.exclude.tables.map((name) => compileTableMatcher(name, { ignoreCase: true }));
    this.excludedColumns = new Set(rules.exclude.columns.map((name) => name.toLowerCase()));
  }

  decide(schema: string, table: string): RelationDecision {
    const allowed = new Set(this.isExcluded(schema, table) ? [] : ACTIONS.map((action) => action.toLowerCase()));
    if (this.filter !== undefined) restrict(allowed, actionsOf(this.filter, schema, table) ?? new Set());
    const included = actionsOf(this.include, schema, table);
    if (included !== undefined) restrict(allowed, included);
    return {
      insert: allowed.has('insert'),
      update: allowed.has('update'),
      delete: allowed.has('delete'),
      truncate: allowed.has('truncate'),
      any: allowed.size > 0,
    };
  }

  excludesColumn(name: string): boolean {
    return this.excludedColumns.has(name.toLowerCase());
  }

  private isExcluded(schema: string, table: string): boolean {
    return this.excludedSchemas.has(schema.toLowerCase()) || this.excludedTables.some((match) => match(schema, table));
  }
}

function compileRules(rules: TableRules): CompiledRule[] {
  return [...rules].map(([name, actions]) => ({
    matches: compileTableMatcher(name, { ignoreCase: false }),
    actions: new Set<string>(actions),
  }));
}

/** The actions all matching rules name together; undefined when none matches. */
function actionsOf(rules: readonly CompiledRule[], schema: string, table: string): Set<string> | undefined {
  const matching = rules.filter((rule) => rule.matches(schema, table));
  if (matching.length === 0) return undefined;
  return new Set(matching.flatMap((rule) => [...rule.actions]));
}

function restrict(allowed: Set<string>, to: ReadonlySet<string>): void {
  for (const action of allowed) if (!to.has(action)) allowed.delete(action);
}
