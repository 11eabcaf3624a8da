import { describe, expect, it } from 'vitest';
import type { Logger } from '#lib/kernel';
import { onceLogger } from './once-logger.js';

describe('onceLogger', () => {
  it('says the same thing once, errors always, and repeats at level debug', () => {
    const lines: string[] = [];
    const note = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
    const logger: Logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const once = onceLogger(logger);
    for (let i = 0; i < 2; i += 1) {
      once.info('a');
      once.warn('b');
      once.error('c');
    }
    once.info('d');
    expect(lines).toEqual(['info a', 'warn b', 'error c', 'debug a', 'debug b', 'error c', 'info d']);
  });
});
