import { describe, expect, it } from 'vitest';
import { kafkaTopicName } from './topic-name.js';

describe('kafkaTopicName', () => {
  it.each([
    ['app.public_items', 'app.public_items'],
    ['app.public_a b', 'app.public_a_b'],
    ['app.public_テスト', 'app.public____'],
    ['app.public_\u{1F600}x', 'app.public__x'],
    ['app.*>\t\u0000/', 'app._____'],
    ['.', '_.'],
    ['..', '_..'],
    ['', '_'],
  ])('%j becomes %j', (name, expected) => {
    expect(kafkaTopicName(name)).toBe(expected);
  });

  it('keeps 249 characters and shortens longer ones to names of their own, always the same', () => {
    const longest = `app.${'x'.repeat(245)}`;
    expect(kafkaTopicName(longest)).toBe(longest);
    const names = [`${longest}1`, `${longest}2`, `${longest}22`].map(kafkaTopicName);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^app\.x+-[0-9a-f]{16}$/);
    expect(names.map((name) => name.length)).toEqual([249, 249, 249]);
    expect(kafkaTopicName(`${longest}1`)).toBe(names[0]);
  });
});
