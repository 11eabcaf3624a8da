import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type ErrorCode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Findings } from '../config-fault.js';
import type { InputNode, MapEntry, MapNode } from './input-node.js';

/** Anchors can make a small file unfold into a huge one; nobody's configuration has this many values. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

/** The parser's own messages quote the text, which may be a password: say it in our words. */
const SYNTAX_TEXTS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'a value begins with * but no such anchor exists; put texts that begin with * in quotes',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text; write \\\\ for a backslash or use single quotes',
  BAD_INDENT: 'wrong indentation, or a bracket that is not closed',
  BAD_SCALAR_START: 'a text begins with a reserved character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " on one line; put texts that hold ": " in quotes',
  DUPLICATE_KEY: 'the key occurs twice',
  MISSING_CHAR: 'a quote, bracket or colon is missing',
  MULTIPLE_DOCS: 'more than one document; only one is read',
  MULTILINE_IMPLICIT_KEY: 'a key without ":"',
  TAB_AS_INDENT: 'tabs cannot be used as indentation',
  TAG_RESOLVE_FAILED: 'an unknown tag; put texts that begin with ! in quotes',
  UNEXPECTED_TOKEN: 'something unexpected; put texts with special characters in quotes',
};

/**
 * Parses YAML 1.2 (aliases and `<<` merges included), keeping the order of maps and the spelling of scalars.
 * `origin(line)` names a place. Gives undefined for an empty document or after reporting faults.
 */
export function parseYaml(text: string, origin: (line: number) => string, findings: Findings): InputNode | undefined {
  const lines = new LineCounter();
  const fail = (offset: number, accepted: string): void => {
    const { line, col } = lines.linePos(offset);
    findings.fault({
      kind: 'syntax',
      path: origin(line),
      source: undefined,
      found: undefined,
      accepted: `${accepted} (line ${line}, column ${col})`,
    });
  };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      keepSourceTokens: false,
      logLevel: 'error',
    });
    const problems = [...document.errors, ...document.warnings];
    // What follows the first fault is mostly its echo.
    const [first] = problems.toSorted((a, b) => a.pos[0] - b.pos[0]);
    if (first !== undefined) fail(first.pos[0], SYNTAX_TEXTS[first.code] ?? 'not valid YAML');
    if (problems.length > 0 || document.contents === null) return undefined;
    return new TreeReader(document, (offset) => origin(lines.linePos(offset).line)).read(document.contents, 0);
  } catch (error) {
    if (error instanceof UnusableError) fail(error.offset, error.message);
    else fail(0, 'not valid YAML (nested too deeply?)');
    return undefined;
  }
}

/** Well-formed, but nothing that a configuration can be. */
class UnusableError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

class TreeReader {
  private nodes = 0;
  private readonly targets = new Map<Alias, unknown>();

  constructor(
    private readonly document: Document,
    private readonly originAt: (offset: number) => string,
  ) {}

  read(node: unknown, depth: number): InputNode {
    this.nodes += 1;
    if (this.nodes > MAX_NODES) throw new UnusableError(`unfolds to more than ${MAX_NODES} values`, offsetOf(node));
    if (depth > MAX_DEPTH) {
      throw new UnusableError(`nested more than ${MAX_DEPTH} levels deep, or an anchor holds itself`, offsetOf(node));
    }
    if (isAlias(node)) return this.read(this.target(node), depth + 1);
    if (isMap(node)) return this.readMap(node, depth);
    if (isSeq(node)) return this.readList(node, depth);
    if (isScalar(node)) return { kind: 'scalar', text: scalarText(node), origin: this.origin(node) };
    return { kind: 'scalar', text: '', origin: this.originAt(0) };
  }

  private readList(node: YAMLSeq, depth: number): InputNode {
    return { kind: 'list', items: node.items.map((item) => this.read(item, depth + 1)), origin: this.origin(node) };
  }

  private readMap(node: YAMLMap, depth: number): MapNode {
    const own: MapEntry[] = [];
    const merged: MapEntry[] = [];
    for (const { key, value } of node.items) {
      const keyNode = isAlias(key) ? this.target(key) : key;
      if (isScalar(keyNode) && keyNode.type === 'PLAIN' && keyNode.source === '<<')
        merged.push(...this.mergedEntries(value, depth));
      else own.push({ key: this.keyText(keyNode), value: this.read(value, depth + 1), origin: this.origin(keyNode) });
    }
    const seen = new Set(own.map((entry) => entry.key));
    const inherited = merged.filter((entry) => !seen.has(entry.key) && seen.add(entry.key));
    return { kind: 'map', entries: [...own, ...inherited], origin: this.origin(node) };
  }

  private mergedEntries(value: unknown, depth: number): readonly MapEntry[] {
    const tree = this.read(value, depth + 1);
    const maps = tree.kind === 'list' ? tree.items : [tree];
    return maps.flatMap((map) => {
      if (map.kind === 'map') return map.entries;
      throw new UnusableError('<< merges something that is not a map', offsetOf(value));
    });
  }

  private keyText(key: unknown): string {
    if (isScalar(key)) return scalarText(key);
    throw new UnusableError('a key that is a list or a map', offsetOf(key));
  }

  private target(alias: Alias): unknown {
    // Looking an anchor up walks the document, and one alias may be met thousands of times.
    const target = this.targets.get(alias) ?? alias.resolve(this.document);
    if (target === undefined) throw new UnusableError(SYNTAX_TEXTS.BAD_ALIAS ?? '', offsetOf(alias));
    this.targets.set(alias, target);
    return target;
  }

  private origin(node: unknown): string {
    return this.originAt(offsetOf(node));
  }
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function scalarText(node: Scalar): string {
  if (typeof node.value === 'string') return node.value;
  return node.value === null ? '' : (node.source ?? '');
}
