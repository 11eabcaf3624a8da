import { createHash } from 'node:crypto';

/** The longest short string of AMQP 0-9-1, in bytes. */
export const MAX_SHORT_STRING_BYTES = 255;
const DIGEST_CHARACTERS = 16;

/**
 * The name as a routing key: any characters, at most 255 bytes. A longer one keeps its beginning (which bindings look
 * at) and ends in a digest of the whole, so that two long names stay two. Pure.
 * Format: https://www.rabbitmq.com/amqp-0-9-1-protocol (short strings)
 */
export function routingKey(name: string): string {
  if (Buffer.byteLength(name) <= MAX_SHORT_STRING_BYTES) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS);
  const room = MAX_SHORT_STRING_BYTES - 1 - DIGEST_CHARACTERS;
  let kept = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    kept += character;
  }
  return `${kept}~${digest}`;
}
