/** An SQL identifier in double quotes, whatever it holds. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * An SQL string literal. Relies on standard_conforming_strings (pinned in every session of ours) and is also what the
 * grammar of replication commands takes, which knows no E'' strings.
 */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `"schema"."table"`. */
export function quoteTable(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/**
 * pgoutput's option publication_names: a literal that holds a comma-separated list of identifiers, so names are quoted
 * on both levels; unquoted ones would be folded to lower case by the server.
 */
export function quotePublicationNames(publications: readonly string[]): string {
  return quoteLiteral(publications.map(quoteIdentifier).join(','));
}
