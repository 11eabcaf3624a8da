import { describe, expect, it } from 'vitest';
import { type AppError, systemClock } from '#lib/kernel';
import { Recovery } from './recovery.js';

describe('Recovery', () => {
  it('ends the attempt when sending again throws, and mends once only', async () => {
    const failures: AppError[] = [];
    let mends = 0;
    const steps = {
      whenAnswered: () => Promise.resolve(),
      mend: () => {
        mends += 1;
        return Promise.resolve(() => {
          throw new RangeError('a defect');
        });
      },
      trouble: () => undefined,
      failed: (error: AppError) => void failures.push(error),
    };
    await new Recovery(steps, systemClock, new AbortController().signal).run({ kind: 'again' });
    expect(failures).toMatchObject([{ code: 'INTERNAL', message: 'a defect' }]);
    expect(mends).toBe(1);
  });
});
