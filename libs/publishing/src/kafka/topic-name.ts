import { createHash } from 'node:crypto';
import { replaceForbidden } from '../topic-name.js';

/** https://kafka.apache.org/documentation/#design: `Topic.validate` of the server takes these characters only. */
const FORBIDDEN = /[^a-zA-Z0-9._-]/gu;
const MAX_LENGTH = 249;
const DIGEST_LENGTH = 16;

/**
 * The name as Kafka takes it: other characters become `_`, `.` and `..` get a `_` before them, and what is longer than
 * 249 characters ends in a digest of the whole name, so that two long names do not become one. Pure.
 */
export function kafkaTopicName(name: string): string {
  const clean = replaceForbidden(name, FORBIDDEN);
  if (clean === '' || clean === '.' || clean === '..') return `_${clean}`;
  if (clean.length <= MAX_LENGTH) return clean;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_LENGTH);
  return `${clean.slice(0, MAX_LENGTH - DIGEST_LENGTH - 1)}-${digest}`;
}
