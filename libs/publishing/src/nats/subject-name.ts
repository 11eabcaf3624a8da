import { replaceForbidden } from '../topic-name.js';

/** What may not occur in a subject: white space and control characters (they break the protocol) and the wildcards. */
const FORBIDDEN_IN_SUBJECT = /[\s\p{Cc}*>]/gu;
/** What may not occur in the name of a stream, which is one token of an API subject. */
const FORBIDDEN_IN_STREAM = /[\s\p{Cc}*>./\\]/gu;

/**
 * The name as a NATS subject. A dot stays and separates tokens, since table names and prefixes may rely on it; an empty
 * token (leading, trailing or double dot), which no stream can store, becomes `_`.
 * Format: https://docs.nats.io/nats-concepts/subjects
 */
export function subjectName(name: string): string {
  const subject = replaceForbidden(name, FORBIDDEN_IN_SUBJECT);
  return subject
    .split('.')
    .map((token) => (token === '' ? '_' : token))
    .join('.');
}

/** The name of the stream for a topic: the topic with what a stream's name forbids replaced by `_`. */
export function streamName(topic: string): string {
  return replaceForbidden(topic, FORBIDDEN_IN_STREAM);
}

/** Whether a stream with these subjects (wildcards `*` and `>` allowed) stores the literal subject. */
export function isCovered(subject: string, patterns: readonly string[]): boolean {
  const tokens = subject.split('.');
  return patterns.some((pattern) => matches(tokens, pattern.split('.')));
}

function matches(tokens: readonly string[], pattern: readonly string[]): boolean {
  for (const [i, token] of pattern.entries()) {
    if (token === '>') return tokens.length > i;
    if (i >= tokens.length || (token !== '*' && token !== tokens[i])) return false;
  }
  return tokens.length === pattern.length;
}
