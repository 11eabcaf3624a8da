import { expect, it } from 'vitest';
import { deadLetterName, replaceForbidden } from './topic-name.js';

it('replaces each forbidden character', () => {
  expect(replaceForbidden('a b\tc', /[ \t]/g)).toBe('a_b_c');
});

it('names the dead letter topic as topics are named', () => {
  expect(deadLetterName({ topic: 'app', topicPrefix: 'prod_' })).toBe('app.prod_dead_letter');
  expect(deadLetterName({ topic: '', topicPrefix: '' })).toBe('dead_letter');
});
