const INLINE_FLAGS = /^\(\?([is]+)\)/;

/** Escaped punctuation that Go allows and JavaScript's unicode mode does not, for example `\-` or `\_`. */
const RELAXED_ESCAPE = /\\([\s\S])/g;
const UNICODE_MODE_ESCAPES = '^$\\.*+?()[]{}|/';

/**
 * Compiles a pattern written for Go's regexp package. A leading `(?i)`/`(?s)`, `(?P<name>…)` and escaped punctuation are
 * translated; what JavaScript cannot express, or would read as something else (`\z`, `[[:alpha:]]`), throws SyntaxError.
 */
export function compileGoRegexp(pattern: string, flags = ''): RegExp {
  if (/\[\[:\^?\w+:\]/.test(pattern))
    throw new SyntaxError('classes such as [[:alpha:]] are not supported; use \\p{L}');
  let source = pattern;
  let allFlags = `u${flags}`;
  const inline = INLINE_FLAGS.exec(source);
  if (inline !== null) {
    source = source.slice(inline[0].length);
    for (const flag of inline[1]) if (!allFlags.includes(flag)) allFlags += flag;
  }
  source = source.replaceAll('(?P<', '(?<').replace(RELAXED_ESCAPE, (whole, char: string) => {
    if (/[A-Za-z0-9]/.test(char) || UNICODE_MODE_ESCAPES.includes(char)) return whole;
    return char.charCodeAt(0) < 0x80 ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char;
  });
  return new RegExp(source, allFlags);
}

/** One `/regex/` key of a table or topic map, or undefined when the key is a plain name. */
export function regexpKey(key: string): string | undefined {
  return key.length >= 2 && key.startsWith('/') && key.endsWith('/') ? key.slice(1, -1) : undefined;
}

const TEMPLATE = /\$(?:\$|\{(\w+)\}|(\w+))/g;

/**
 * Replaces every match by Go's template rules: `$1`, `${1}`, `$name`, `$$`; the longest run of word characters is the
 * name, so `$1x` means the group named `1x`; an unknown group is empty.
 */
export function replaceAllGo(input: string, regexp: RegExp, template: string): string {
  const global = regexp.global ? regexp : new RegExp(regexp.source, `${regexp.flags}g`);
  return input.replace(global, (...args: unknown[]) => {
    const last = args.at(-1);
    const named = typeof last === 'object' && last !== null ? (last as Record<string, string | undefined>) : {};
    const groupCount = args.findIndex((value) => typeof value === 'number');
    return template.replace(TEMPLATE, (whole, braced: string | undefined, bare: string | undefined) => {
      if (whole === '$$') return '$';
      const name = braced ?? bare ?? '';
      if (!/^\d+$/.test(name)) return named[name] ?? '';
      const index = Number(name);
      const group = index < groupCount ? args[index] : undefined;
      return typeof group === 'string' ? group : '';
    });
  });
}
