const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * Murmur2 of bytes start..end (end not included) as Java's Kafka client computes it, signed 32 bit. Source of the
 * algorithm: https://sites.google.com/site/murmurhash (MurmurHash2), seed and order of bytes as in
 * org.apache.kafka.common.utils.Utils.
 */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    let k = Math.imul(word, M);
    k ^= k >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = end - at;
  if (rest === 3) hash ^= bytes[at + 2] << 16;
  if (rest >= 2) hash ^= bytes[at + 1] << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at], M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/**
 * The partition that Java's default partitioner (and with it librdkafka's murmur2_random, kafkajs's default …) gives to
 * a key, the bytes start..end.
 */
export function partitionOf(key: Uint8Array, start: number, end: number, partitions: number): number {
  return (murmur2(key, start, end) & 0x7fffffff) % partitions;
}
