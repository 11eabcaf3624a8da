/** What a PromQL expression asks for. */
interface Selector {
  readonly metric: string;
  /** The label matchers as written: `state="streaming"`. */
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** Words of PromQL that stand where a metric could. */
const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);
/** Lists of labels: `by (a, b)`. */
const LABEL_LISTS = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
/** An identifier that no parenthesis follows, and the matchers that may. */
const SELECTORS = /(?<![\w:"$.])([a-zA-Z_:][\w:]*)(?:\s*\{([^}]*)\})?(?!\s*\(|[\w:])/g;

/** The metrics that an expression names, with their matchers. Knows as much of PromQL as our own expressions use. */
export function selectorsOf(expression: string): readonly Selector[] {
  const bare = expression.replace(LABEL_LISTS, '').replace(/\[[^\]]*\]/g, '');
  const withoutTexts = bare.replace(/"[^"]*"(?=\s*[,)])(?![^{]*\})/g, '');
  return [...withoutTexts.matchAll(SELECTORS)]
    .filter(([, name = '']) => !KEYWORDS.has(name.toLowerCase()))
    .map(([, metric = '', inside = '']) => ({
      metric,
      matchers: [...inside.matchAll(/(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
      ),
    }));
}
