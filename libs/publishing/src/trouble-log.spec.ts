import { describe, expect, it } from 'vitest';
import { AppError, silentLogger, type ErrorCode, type LogFields } from '#lib/kernel';
import { TroubleLog } from './trouble-log.js';

function setUp() {
  const lines: string[] = [];
  const fields: (LogFields | undefined)[] = [];
  const log = new TroubleLog({
    ...silentLogger,
    info: (message) => void lines.push(message),
    warn: (message, with_) => {
      lines.push(message);
      fields.push(with_);
    },
  });
  const met = (code: ErrorCode, message: string) => log.met(new AppError(code, message, { remedy: 'bind a queue' }));
  return { lines, fields, log, met };
}

describe('TroubleLog', () => {
  it('names each cause once with its remedy, however often and in whatever turn they come', () => {
    const { lines, fields, met } = setUp();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      met('BROKER_REFUSED', 'no queue takes "orders_1"');
      met('BROKER_REFUSED', 'no queue takes "orders_2"');
      met('BROKER_UNREACHABLE', 'connection refused');
      met('BROKER_TIMEOUT', 'no answer');
    }
    expect(lines).toEqual([
      'cannot publish for now: no queue takes "orders_1"',
      'cannot publish for now: no queue takes "orders_2"',
      'cannot publish for now: connection refused',
    ]);
    expect(fields[0]).toMatchObject({ code: 'BROKER_REFUSED', remedy: 'bind a queue' });
  });

  it('says one line for the partitions of a topic', () => {
    const { lines, met } = setUp();
    for (const partition of [0, 1, 12])
      met('BROKER_REFUSED', `topic "orders", partition ${partition}: too few replicas`);
    expect(lines).toHaveLength(1);
  });

  it('begins anew when the trouble is over', () => {
    const { lines, log, met } = setUp();
    met('BROKER_REFUSED', 'full');
    log.over('the broker takes events again');
    met('BROKER_REFUSED', 'full');
    expect(lines).toHaveLength(3);
  });
});
