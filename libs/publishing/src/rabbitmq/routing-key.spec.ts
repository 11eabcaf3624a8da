import { describe, expect, it } from 'vitest';
import { routingKey } from './routing-key.js';

describe('routingKey', () => {
  it('leaves a name as it is while it fits, whatever its characters', () => {
    for (const name of ['app.public_users', 'a b*#>.é\t', 'x'.repeat(255), 'é'.repeat(127)]) {
      expect(routingKey(name)).toBe(name);
    }
  });

  it('shortens a longer one to 255 bytes, always to the same', () => {
    const name = `app.${'x'.repeat(300)}`;
    expect(Buffer.byteLength(routingKey(name))).toBe(255);
    expect(routingKey(name)).toBe(routingKey(name));
    expect(routingKey(name).startsWith('app.xxx')).toBe(true);
  });

  it('keeps long names apart that differ only at their end', () => {
    const long = 'y'.repeat(300);
    expect(routingKey(`${long}1`)).not.toBe(routingKey(`${long}2`));
  });

  it('never cuts a character in two', () => {
    for (const character of ['é', '漢', '😀']) {
      for (let i = 0; i < 4; i++) {
        const key = routingKey('a'.repeat(i) + character.repeat(200));
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(255);
        expect(Buffer.from(key).toString()).toBe(key);
        expect(key).not.toContain('\uFFFD');
      }
    }
  });
});
