/**
 * The name with every character that `forbidden` (a global pattern of single characters) matches replaced by `_`.
 * Pure: two different names may become one, which only shares the topic, never loses an event.
 */
export function replaceForbidden(name: string, forbidden: RegExp): string {
  return name.replace(forbidden, '_');
}

/** Where messages go that the broker can never take: `<topic>.<prefix>dead_letter`, before the broker's own rules. */
export function deadLetterName(publisher: { readonly topic: string; readonly topicPrefix: string }): string {
  const name = `${publisher.topicPrefix}dead_letter`;
  return publisher.topic === '' ? name : `${publisher.topic}.${name}`;
}
