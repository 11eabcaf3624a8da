/** A JSON value that keeps its spelling: `raw` is the text it was read from, and numbers are never made into floats. */
export type JsonNode =
  | { readonly kind: 'null' | 'number'; readonly raw: string }
  | { readonly kind: 'boolean'; readonly raw: string; readonly value: boolean }
  | { readonly kind: 'string'; readonly raw: string; readonly value: string }
  | { readonly kind: 'array'; readonly raw: string; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly raw: string; readonly members: ReadonlyMap<string, JsonNode> };

const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Everything up to a quote, a backslash or what a string must not hold unescaped. */
// oxlint-disable-next-line no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/y;
const ESCAPED = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/**
 * Reads one JSON text (RFC 8259) strictly. Throws SyntaxError with the offset for anything before or behind the value but
 * white space, for control characters in strings and for a name that an object has twice.
 */
export function parseLossless(text: string): JsonNode {
  const parser = new Parser(text);
  const node = parser.value();
  parser.end();
  return node;
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  /** A value with the white space around it. */
  value(): JsonNode {
    this.match(WHITESPACE);
    const start = this.at;
    const node = this.bare(start);
    this.match(WHITESPACE);
    return node;
  }

  end(): void {
    if (this.at < this.text.length) this.fail('the end');
  }

  private bare(start: number): JsonNode {
    switch (this.text[start]) {
      case '{':
        return { kind: 'object', members: this.members(), raw: this.text.slice(start, this.at) };
      case '[':
        return { kind: 'array', items: this.items(), raw: this.text.slice(start, this.at) };
      case '"':
        return { kind: 'string', value: this.string(), raw: this.text.slice(start, this.at) };
      case 't':
        return { kind: 'boolean', value: true, raw: this.expect('true') };
      case 'f':
        return { kind: 'boolean', value: false, raw: this.expect('false') };
      case 'n':
        return { kind: 'null', raw: this.expect('null') };
      default:
        return { kind: 'number', raw: this.match(NUMBER)?.[0] ?? this.fail('a value') };
    }
  }

  private members(): Map<string, JsonNode> {
    const members = new Map<string, JsonNode>();
    this.expect('{');
    this.match(WHITESPACE);
    if (this.skip('}')) return members;
    do {
      this.match(WHITESPACE);
      const name = this.string();
      if (members.has(name)) this.fail('a name that is not there yet');
      this.match(WHITESPACE);
      this.expect(':');
      members.set(name, this.value());
    } while (this.skip(','));
    this.expect('}');
    return members;
  }

  private items(): JsonNode[] {
    const items: JsonNode[] = [];
    this.expect('[');
    this.match(WHITESPACE);
    if (this.skip(']')) return items;
    do items.push(this.value());
    while (this.skip(','));
    this.expect(']');
    return items;
  }

  private string(): string {
    this.expect('"');
    let value = '';
    for (;;) {
      value += this.match(PLAIN)?.[0] ?? '';
      if (this.skip('"')) return value;
      const escape = this.match(ESCAPE) ?? this.fail('a character, an escape or the closing quote');
      const [, code, letter = ''] = escape;
      value += code === undefined ? (ESCAPED.get(letter) ?? letter) : String.fromCharCode(Number.parseInt(code, 16));
    }
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  private skip(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private expect(token: string): string {
    if (!this.skip(token)) this.fail(token);
    return token;
  }

  private fail(wanted: string): never {
    throw new SyntaxError(
      `offset ${String(this.at)}: ${wanted} expected, found ${this.text.slice(this.at, this.at + 20)}`,
    );
  }
}
