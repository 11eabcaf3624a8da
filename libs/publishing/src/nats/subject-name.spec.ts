import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCovered, streamName, subjectName } from './subject-name.js';

describe('subjectName', () => {
  it.each([
    ['app.public_users', 'app.public_users'],
    ['app.public_v1.users', 'app.public_v1.users'],
    ['app.my table', 'app.my_table'],
    ['app.a*b>c', 'app.a_b_c'],
    ['app.tab\tnl\nnul\0', 'app.tab_nl_nul_'],
    ['app.wide\u3000blank\u0085', 'app.wide_blank_'],
    ['app..x', 'app._.x'],
    ['.app.x.', '_.app.x._'],
    ['app.テスト_café', 'app.テスト_café'],
  ])('%j becomes %j', (name, subject) => {
    expect(subjectName(name)).toBe(subject);
  });

  it('gives a subject without empty tokens, blanks and wildcards for any name, and leaves that as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const subject = subjectName(name);
        expect(subject).toMatch(/^[^\s\p{Cc}*>.]+(\.[^\s\p{Cc}*>.]+)*$/u);
        expect(subjectName(subject)).toBe(subject);
      }),
      { numRuns: 1000 },
    );
  });
});

it('streamName replaces dots and slashes too', () => {
  expect(streamName('my.app/x y')).toBe('my_app_x_y');
});

describe('isCovered', () => {
  it.each([
    ['app.a', ['app.>'], true],
    ['app.a.b', ['app.>'], true],
    ['app', ['app.>'], false],
    ['app.a.b', ['app.*'], false],
    ['app.a', ['other', 'app.*'], true],
    ['app.a.c', ['app.*.c'], true],
    ['app.a', ['app.a.b'], false],
    ['app.a.b', ['app.a'], false],
    ['x', ['>'], true],
    ['x', [], false],
  ])('%s by %j: %s', (subject, patterns, covered) => {
    expect(isCovered(subject, patterns)).toBe(covered);
  });
});
