import { describe, expect, it } from 'vitest';
import { countLine } from './counting-reporter.js';

describe('countLine', () => {
  it('names passed and failed, and skipped only when there are any', () => {
    expect(countLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(countLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});
