import { eventId, type OutgoingEvent } from '#lib/events';

/** A message as a consumer finds it in the broker, in the broker's order. */
export interface ReceivedMessage {
  readonly topic: string;
  /** The id in the message's metadata (header, property, attribute); undefined when it has none. */
  readonly id: string | undefined;
  readonly body: string;
}

/** What a consumer may expect about repeats. */
export type Repeats = 'none' | 'suffixes';

/** Whether the broker keeps one order for a key across all topics, or one in each. */
export type OrderedWithin = 'everything' | 'topic';

/**
 * Compares what a consumer found with what was published: every event is there, with its own body, and per ordering key
 * each step forward goes to the very next event (a repeat may jump back, but then nothing is left out and the newest
 * event stands last). Gives the faults found, at most ten.
 */
export function deliveryFaults(
  published: readonly OutgoingEvent[],
  received: readonly ReceivedMessage[],
  repeats: Repeats = 'suffixes',
  within: OrderedWithin = 'everything',
): readonly string[] {
  const faults: string[] = [];
  const byId = new Map(published.map((event) => [eventId(event), event]));
  const keyOf = within === 'topic' ? keyInTopic : keyAlone;
  const places = placesByKey(published, keyOf);
  const lastPlace = new Map<string, number>();
  const seen = new Set<string>();
  for (const message of received) {
    const id = /^\{"id":"([^"]{36})"/.exec(message.body)?.[1] ?? '';
    const event = byId.get(id);
    if (event === undefined) {
      faults.push(`nobody published ${message.body.slice(0, 80)}`);
      continue;
    }
    if (message.id !== undefined && message.id !== id) faults.push(`${id} came with the id ${message.id}`);
    if (message.topic !== event.route.topic) faults.push(`${id} came on ${message.topic}`);
    if (message.body !== event.slab.toString('utf8', event.start, event.end)) faults.push(`${id} has another body`);
    if (repeats === 'none' && seen.has(id)) faults.push(`${id} came twice`);
    seen.add(id);
    const key = keyOf(event);
    const place = places.get(id) ?? 0;
    const last = lastPlace.get(key) ?? -1;
    if (place > last + 1) faults.push(`key ${key}: event ${place} came after event ${last}`);
    lastPlace.set(key, place);
  }
  for (const event of published) if (!seen.has(eventId(event))) faults.push(`${eventId(event)} is missing`);
  for (const [key, count] of countByKey(published, keyOf)) {
    const last = lastPlace.get(key);
    if (last !== undefined && last !== count - 1) faults.push(`key ${key}: event ${last} of ${count} stands last`);
  }
  return faults.slice(0, 10);
}

type KeyOf = (event: OutgoingEvent) => string;

function placesByKey(published: readonly OutgoingEvent[], keyOf: KeyOf): ReadonlyMap<string, number> {
  const next = new Map<string, number>();
  const places = new Map<string, number>();
  for (const event of published) {
    const key = keyOf(event);
    const place = next.get(key) ?? 0;
    places.set(eventId(event), place);
    next.set(key, place + 1);
  }
  return places;
}

function countByKey(published: readonly OutgoingEvent[], keyOf: KeyOf): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const event of published) counts.set(keyOf(event), (counts.get(keyOf(event)) ?? 0) + 1);
  return counts;
}

function keyAlone(event: OutgoingEvent): string {
  return event.keySlab.toString('utf8', event.keyStart, event.keyEnd);
}

function keyInTopic(event: OutgoingEvent): string {
  return `${keyAlone(event)} of ${event.route.topic}`;
}
