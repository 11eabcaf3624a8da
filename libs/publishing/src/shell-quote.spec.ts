import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellQuote } from './shell-quote.js';

describe('shellQuote', () => {
  it('leaves plain words as they are', () => {
    for (const word of ['shop', 'my/vhost', 'shop.public_users,shop.x', 'User:wal'])
      expect(shellQuote(word)).toBe(word);
    expect(shellQuote('shop.>')).toBe("'shop.>'");
  });

  it.each(["it's", "';touch_x;'", '$(id)', '`id`', 'a b', '', '-n', String.raw`a\'b`, '~', '!x', 'a\nb', '"', '🎉'])(
    'gives a shell %j back as it was',
    (word) => {
      const printed = execFileSync('sh', ['-c', `printf '%s' ${shellQuote(word)}`], { encoding: 'utf8' });
      expect(printed).toBe(word);
    },
  );
});
