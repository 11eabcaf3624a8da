import { describe, expect, it } from 'vitest';
import { TopicRouter } from './topic-router.js';

const router = (map: [string, string][], topic = 'shop', topicPrefix = '') =>
  new TopicRouter({ topic, topicPrefix, topicsMap: new Map(map) });

describe('TopicRouter', () => {
  it('joins topic, prefix, schema and table', () => {
    expect(router([], 'shop', 'cdc_').topicOf('public', 'users')).toBe('shop.cdc_public_users');
    expect(router([], '').topicOf('public', 'users')).toBe('public_users');
  });

  it('takes exact keys before patterns, whatever their place in the file', () => {
    const map: [string, string][] = [
      ['/users/', 'pattern'],
      ['public_users', 'exact'],
    ];
    expect(router(map).topicOf('public', 'users')).toBe('shop.exact');
  });

  it('takes the first pattern that matches, in file order', () => {
    const map: [string, string][] = [
      ['/^orders$/', 'not this'],
      ['/^public_(.*)$/', 'first_$1'],
      ['/^public_users$/', 'second'],
    ];
    expect(router(map).topicOf('public', 'users')).toBe('shop.first_users');
    expect(router(map).topicOf('other', 'users')).toBe('shop.other_users');
  });

  it.each([
    ['/^public_(.*)$/', 'app_$1', 'app_users'],
    ['/public/', 'p', 'p_users'],
    ['/(?P<s>[a-z]+)_(?P<t>[a-z]+)/', '${t}_of_${s}', 'users_of_public'],
    ['/^public_(.*)$/', '$1x', ''],
    ['/^public_(.*)$/', '${1}x', 'usersx'],
    ['/^public_(.*)$/', 'cost$$1', 'cost$1'],
    ['/(?i)^PUBLIC\\_/', '', 'users'],
    ['/s/', 'S', 'public_uSerS'],
    ['/^public_(.*)$/', '$7', ''],
  ])('replaces the matched part by the template rules of Go: %s → %s', (key, template, expected) => {
    expect(router([[key, template]], '').topicOf('public', 'users')).toBe(expected);
  });

  it.each(['/(/', '/a\\z/', '/[[:alpha:]]/', '/(?i:x)(?x)/'])('refuses %s, which would mean something else', (key) => {
    expect(() => router([[key, 'x']])).toThrow(SyntaxError);
  });
});
