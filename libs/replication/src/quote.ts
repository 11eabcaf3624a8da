/** Also line separators, and what turns the direction of text. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/**
 * An SQL identifier in double quotes, whatever it holds. Control characters are escaped: statements are printed too, and
 * what follows a line break in a name would stand there as a statement of its own.
 */
export function quoteIdentifier(name: string): string {
  return withoutControls(between('"', name));
}

/** An SQL string literal. Relies on standard_conforming_strings (pinned in every session of ours). */
export function quoteLiteral(text: string): string {
  return withoutControls(between("'", text));
}

/** `"schema"."table"`. */
export function quoteTable(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/**
 * pgoutput's option publication_names: a literal that holds a comma-separated list of identifiers, so names are quoted
 * on both levels; unquoted ones would be folded to lower case by the server. Replication commands know no escapes.
 */
export function quotePublicationNames(publications: readonly string[]): string {
  return between("'", publications.map((name) => between('"', name)).join(','));
}

function between(quote: string, text: string): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}

/**
 * `U&"…"` and `U&'…'`, which know escapes, where there is something to escape.
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
function withoutControls(quoted: string): string {
  if (quoted.search(CONTROLS) === -1) return quoted;
  const escaped = (control: string): string => `\\${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `U&${quoted.replaceAll('\\', '\\\\').replaceAll(CONTROLS, escaped)}`;
}
