import type { OutgoingEvent } from '#lib/events';

/** 32-bit FNV-1a of the event's ordering key, as a signed integer: to be mixed before it is cut to fewer values. */
export function keyHash({ keySlab, keyStart, keyEnd }: OutgoingEvent): number {
  let hash = 0x811c9dc5;
  for (let i = keyStart; i < keyEnd; i++) hash = Math.imul(hash ^ (keySlab[i] ?? 0), 0x01000193);
  return hash;
}
