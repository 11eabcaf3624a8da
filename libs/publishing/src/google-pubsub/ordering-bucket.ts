import type { OutgoingEvent } from '#lib/events';
import { keyHash } from '../key-hash.js';

/**
 * The bucket of an event's ordering key, 0 … buckets − 1: 32-bit FNV-1a over the key's bytes, its bits mixed (the
 * finaliser of MurmurHash3), modulo the number of buckets. Never to be changed: two releases that put a key into
 * different buckets would let a subscriber see its events out of order.
 */
export function orderingBucket(event: OutgoingEvent, buckets: number): number {
  let hash = keyHash(event);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % buckets;
}
