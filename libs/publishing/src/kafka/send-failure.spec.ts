import { describe, expect, it } from 'vitest';
import { judge } from './send-failure.js';

const outcome = (errorCode: number, errorMessage?: string) => ({
  topic: 'app.items',
  partition: 3,
  errorCode,
  baseOffset: -1n,
  ...(errorMessage !== undefined && { errorMessage }),
});

function errorOf(code: number, words?: string) {
  const verdict = judge(outcome(code, words));
  return verdict.kind === 'refused' ? verdict.error : undefined;
}

describe('judge', () => {
  it('counts as stored what the broker stored, now or before', () => {
    expect(judge(outcome(0))).toEqual({ kind: 'stored' });
    expect(judge(outcome(46))).toEqual({ kind: 'stored' });
  });

  it('tells sizes apart, which are mended by cutting', () => {
    expect(judge(outcome(10))).toEqual({ kind: 'tooLarge' });
    expect(judge(outcome(18))).toEqual({ kind: 'tooLarge' });
  });

  it.each([
    ['NOT_LEADER_OR_FOLLOWER', 6],
    ['NOT_ENOUGH_REPLICAS', 19],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 20],
    ['UNKNOWN_TOPIC_OR_PARTITION', 3],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 45],
    ['error 999', 999],
  ])('retries %s for ever', (name, code) => {
    expect(errorOf(code)).toMatchObject({ retriable: true, message: expect.stringContaining(name) as unknown });
  });

  it('says which topic and partition, and gives the words of the broker', () => {
    expect(errorOf(44, 'no such schema')?.message).toMatch(
      /"app\.items" \(partition 3\).*POLICY_VIOLATION: no such schema/,
    );
  });

  it.each([47, 90])('takes error %i for another writer', (code) => {
    expect(errorOf(code)).toMatchObject({ code: 'BROKER_OTHER_WRITER', retriable: true });
  });

  it.each([29, 31, 17, 76])('gives up at error %i, which a person must mend', (code) => {
    expect(errorOf(code)).toMatchObject({ retriable: false });
  });
});
