/**
 * A value as the user wrote it, before it is known what it should be. Scalars keep their own spelling: a password
 * `007` or a tag `1e10` must not become a number on the way.
 */
export type InputNode = ScalarNode | ListNode | MapNode;

interface Located {
  /** Where it stands: the variable's name, or `file:line`. */
  readonly origin: string;
}

export interface ScalarNode extends Located {
  readonly kind: 'scalar';
  /** Empty for null. */
  readonly text: string;
}

export interface ListNode extends Located {
  readonly kind: 'list';
  readonly items: readonly InputNode[];
}

export interface MapNode extends Located {
  readonly kind: 'map';
  /** In the order written, keys unique and spelled as written. */
  readonly entries: readonly MapEntry[];
}

export interface MapEntry extends Located {
  readonly key: string;
  readonly value: InputNode;
}

const MAX_SHOWN_CHARS = 80;

/** A text in quotes, escaped and cut to a length that fits a line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= MAX_SHOWN_CHARS ? text : `${text.slice(0, MAX_SHOWN_CHARS)}…`);
}

/** A key for use inside a path: as it is when it is a plain word, else in quotes. */
export function printableKey(key: string): string {
  return /^[\w-]{1,80}$/.test(key) ? key : quoted(key);
}

/** What a fault shows of a value that is not a secret. */
export function describeNode(node: InputNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  return quoted(node.text);
}

/** What a fault shows of a value that may be a secret. */
export function describeShape(node: InputNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  return 'a text (not shown)';
}

/** Empty texts, null, and nothing else: the Go versions' samples write `""` for "not set". */
export function isNotSet(node: InputNode): boolean {
  return node.kind === 'scalar' && node.text === '';
}
