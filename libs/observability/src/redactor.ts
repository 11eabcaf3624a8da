/** A text with everything secret in it masked. */
export type Redact = (text: string) => string;

const MASK = '***';
/** Shorter than this a value is an ordinary part of words and numbers, and masking it would shred every text. */
const MIN_CHARACTERS = 4;
/** Shorter than this a value is masked where it stands alone, not within a word. */
const MIN_CHARACTERS_WITHIN_WORDS = 8;
/** `://user:password@`, `://token@`. */
const URL_USER_INFO = /(:\/\/)[^/?#\s"]*@/g;
/** `user:password@host` without a scheme. */
const BARE_USER_INFO = /(^|[\s,;"'`(=])[^\s,;"'`(=:/@]+:[^\s"@/]+@/g;

/**
 * Masks these values, also percent-encoded and escaped for JSON, and user information in addresses. Cheap enough for
 * every line: one search for all values.
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const values = pattern(secrets);
  return (text) => {
    const open = values === undefined ? text : text.replace(values, MASK);
    if (!open.includes('@')) return open;
    return open.replace(URL_USER_INFO, `$1${MASK}@`).replace(BARE_USER_INFO, `$1${MASK}@`);
  };
}

function pattern(secrets: readonly string[]): RegExp | undefined {
  const forms = new Set(secrets.filter((secret) => secret.length >= MIN_CHARACTERS).flatMap(formsOf));
  if (forms.size === 0) return undefined;
  // The longest first: one may be the beginning of another.
  const parts = [...forms].toSorted((a, b) => b.length - a.length).map(matching);
  return new RegExp(parts.join('|'), 'gu');
}

function formsOf(secret: string): string[] {
  return [secret, percentEncoded(secret), JSON.stringify(secret).slice(1, -1)];
}

function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    // Half of a surrogate pair.
    return text;
  }
}

function matching(form: string): string {
  const literal = form.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  if (form.length >= MIN_CHARACTERS_WITHIN_WORDS) return literal;
  return String.raw`(?<![\p{L}\p{N}_])${literal}(?![\p{L}\p{N}_])`;
}
