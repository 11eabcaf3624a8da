import { describe, expect, it } from 'vitest';
import { topicId } from './topic-id.js';

describe('the topic id of Pub/Sub', () => {
  it.each([
    ['app.public_items', 'app.public_items'],
    ['App-1.x~y+z%_', 'App-1.x~y+z%_'],
    ['app.public_a b/c:d', 'app.public_a_b_c_d'],
    ['app.public_テスト', 'app.public____'],
    ['app.public_😀', 'app.public__'],
    ['1app', 't_1app'],
    ['_app', 't__app'],
    ['.x', 't_.x'],
    ['google.items', 't_google.items'],
    ['GOOG', 't_GOOG'],
    ['gopher', 'gopher'],
    ['ab', 'ab_'],
    ['', 't__'],
  ])('of %j is %j', (name, id) => {
    expect(topicId(name)).toBe(id);
  });

  it('keeps 255 characters and shortens longer names so that they stay apart', () => {
    const long = 'a'.repeat(255);
    expect(topicId(long)).toBe(long);
    const one = topicId(`${long}1`);
    const two = topicId(`${long}2`);
    expect([one.length, two.length]).toEqual([255, 255]);
    expect(one).not.toBe(two);
    expect(one).toMatch(/^a{238}-[0-9a-f]{16}$/);
    expect(topicId(`${long}1`)).toBe(one);
    expect(topicId(`1${long}`).length).toBe(255);
  });
});
