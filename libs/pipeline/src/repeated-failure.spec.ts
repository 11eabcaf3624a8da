import { describe, expect, it } from 'vitest';
import { AppError } from '#lib/kernel';
import { RepeatedFailure } from './repeated-failure.js';

const failure = (sqlstate: string) => new AppError('PG_QUERY', 'refused', { facts: { sqlstate } });

describe('RepeatedFailure', () => {
  it('ends with the third of the same SQLSTATE at the same position', () => {
    const repeated = new RepeatedFailure();
    expect(repeated.judge(failure('XX000'), 5n).code).toBe('PG_QUERY');
    expect(repeated.judge(failure('XX000'), 5n).code).toBe('PG_QUERY');
    expect(repeated.judge(failure('XX000'), 5n)).toMatchObject({ code: 'PG_REPEATED', retriable: false });
  });

  it('starts over when the position moved or another failure came between', () => {
    const repeated = new RepeatedFailure();
    for (const lsn of [1n, 1n, 2n, 2n]) expect(repeated.judge(failure('XX000'), lsn).retriable).toBe(true);
    for (const state of ['22000', 'XX000', '22000', 'XX000']) {
      expect(repeated.judge(failure(state), 3n).retriable).toBe(true);
    }
    for (let i = 0; i < 2; i++) expect(repeated.judge(failure('XX000'), 4n).retriable).toBe(true);
    repeated.judge(new AppError('BROKER_UNREACHABLE', 'down'), 4n);
    expect(repeated.judge(failure('XX000'), 4n).retriable).toBe(true);
  });

  it.each(['08006', '53300', '57P01', '55006'])('never counts %s, which passes by itself', (state) => {
    const repeated = new RepeatedFailure();
    for (let i = 0; i < 10; i++) expect(repeated.judge(failure(state), 1n).retriable).toBe(true);
  });
});
