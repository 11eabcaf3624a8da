import { createHash } from 'node:crypto';
import { replaceForbidden } from '../topic-name.js';

/** What may not occur in a topic id. */
const FORBIDDEN = /[^A-Za-z0-9\-_.~+%]/gu;
const MIN_LENGTH = 3;
const MAX_LENGTH = 255;
const DIGEST_LENGTH = 16;

/**
 * The name as a Pub/Sub topic id: forbidden characters become `_`; one that does not begin with a letter, or begins with
 * the reserved `goog`, gets `t_` before it; a short one is filled up with `_`; of one that is too long the end gives way
 * to a digest of the whole name, so that two long names stay apart. Pure.
 * Format: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
 */
export function topicId(name: string): string {
  const clean = replaceForbidden(name, FORBIDDEN);
  const led = /^[A-Za-z]/.test(clean) && !/^goog/i.test(clean) ? clean : `t_${clean}`;
  if (led.length <= MAX_LENGTH) return led.padEnd(MIN_LENGTH, '_');
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_LENGTH);
  return `${led.slice(0, MAX_LENGTH - DIGEST_LENGTH - 1)}-${digest}`;
}

/** The resource name of a topic: `projects/…/topics/…`. */
export function topicPath(project: string, topic: string): string {
  return `projects/${project}/topics/${topic}`;
}
