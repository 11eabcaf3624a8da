import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';
import type { SerializedError } from 'vitest';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** `N passed, N failed`, with `, N skipped` only when there are any. */
export function countLine(counts: Readonly<Counts>): string {
  const skipped = counts.skipped > 0 ? `, ${String(counts.skipped)} skipped` : '';
  return `${String(counts.passed)} passed, ${String(counts.failed)} failed${skipped}`;
}

function count(modules: readonly TestModule[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const state = test.result().state;
      if (state === 'passed') counts.passed += 1;
      else if (state === 'failed') failedTests += 1;
      else counts.skipped += 1;
    }
    // A file that cannot be loaded, or whose hook fails, has no failed test to show for it.
    if (failedTests === 0 && !module.ok()) failedTests = 1;
    counts.failed += failedTests;
  }
  return counts;
}

/** Ends a run with the number of tests on a line of its own, for people and scripts that read only the last line. */
export default class CountingReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const counts = count(modules);
    counts.failed += unhandledErrors.length;
    // A run that was interrupted, or that found no file, must not look like a success.
    if (counts.failed === 0 && reason !== 'passed') counts.failed = 1;
    process.stdout.write(`\n${countLine(counts)}\n`);
  }
}
