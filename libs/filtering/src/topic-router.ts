import { compileGoRegexp, regexpKey, replaceAllGo } from '#lib/kernel';

export interface TopicRules {
  /** First token of every topic; empty = none. */
  readonly topic: string;
  readonly topicPrefix: string;
  /** `schema_table` or `/regex/` → name, in file order. */
  readonly topicsMap: ReadonlyMap<string, string>;
}

/**
 * Names the topic of a table: topic + "." + topicPrefix + mapped(schema + "_" + table). Exact keys are looked up first,
 * then patterns in file order; the first that matches replaces the matched part by Go's template rules.
 */
export class TopicRouter {
  private readonly exact = new Map<string, string>();
  private readonly patterns: (readonly [RegExp, string])[] = [];

  /** @throws SyntaxError for a pattern JavaScript cannot take */
  constructor(private readonly rules: TopicRules) {
    for (const [key, name] of rules.topicsMap) {
      const pattern = regexpKey(key);
      if (pattern === undefined) this.exact.set(key, name);
      else this.patterns.push([compileGoRegexp(pattern), name]);
    }
  }

  /** The topic before the broker's own rules about characters. */
  topicOf(schema: string, table: string): string {
    const name = `${this.rules.topicPrefix}${this.mapped(`${schema}_${table}`)}`;
    return this.rules.topic === '' ? name : `${this.rules.topic}.${name}`;
  }

  private mapped(source: string): string {
    const exact = this.exact.get(source);
    if (exact !== undefined) return exact;
    for (const [regexp, template] of this.patterns) {
      if (regexp.test(source)) return replaceAllGo(source, regexp, template);
    }
    return source;
  }
}
