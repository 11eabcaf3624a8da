import { beforeEach, describe, expect, it } from 'vitest';
import { AppError, type ErrorCode } from '#lib/kernel';
import { OutageReports } from './outage-reports.js';

let reported: string[];
let outages: OutageReports;
const fail = (code: ErrorCode, sqlstate?: string) => outages.met(new AppError(code, code, { facts: { sqlstate } }));

beforeEach(() => {
  reported = [];
  outages = new OutageReports({
    report: ({ code }, severity) => void reported.push(`${severity} ${code}`),
    flush: () => Promise.resolve(),
  });
});

describe('OutageReports', () => {
  it('reports an outage once, whatever its attempts say', () => {
    for (const code of ['BROKER_UNREACHABLE', 'BROKER_TIMEOUT', 'BROKER_UNREACHABLE'] as const) fail(code);
    for (const state of ['57P01', undefined, '57P03']) fail('PG_CONNECTION_LOST', state);
    expect(reported).toEqual(['error BROKER_UNREACHABLE', 'error PG_CONNECTION_LOST']);
  });

  it('reports another trouble of the same side', () => {
    fail('PG_QUERY', '22023');
    fail('PG_QUERY', '42704');
    fail('BROKER_UNREACHABLE');
    fail('BROKER_REFUSED');
    expect(reported).toHaveLength(4);
  });

  it.each([
    ['the position moves', () => outages.confirmed(2n)],
    ['the side is reached', () => outages.reached('broker')],
    ['the publisher says so', () => outages.over('broker')],
  ])('has passed when %s: the next is reported', (_, pass) => {
    outages.confirmed(1n);
    fail('BROKER_UNREACHABLE');
    pass();
    fail('BROKER_UNREACHABLE');
    expect(reported).toHaveLength(2);
  });

  it('has not passed while the position stands still, nor when what refuses can be reached', () => {
    outages.confirmed(1n);
    fail('PG_QUERY', '22023');
    outages.confirmed(1n);
    outages.reached('database');
    fail('PG_QUERY', '22023');
    expect(reported).toHaveLength(1);
  });
});
