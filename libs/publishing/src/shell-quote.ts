/**
 * A word of a command that a person copies into a shell: quoted unless it is plain, since the names of tables and
 * topics in it are others' choice.
 */
export function shellQuote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
