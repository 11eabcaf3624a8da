import { configDefaults, defineConfig } from 'vitest/config';

/** Lets `#lib/…` resolve to the sources instead of the build. */
const fromSource = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // The environment of global set-up, which takes neither of the above.
  environments: { __vitest__: { resolve: { conditions: ['source', 'node'] } } },
};

/** Suites with commands of their own: too long for every run. */
const ownCommands = ['test/chaos/**', 'test/conformance/**', 'test/matrix/**'];

/** Suites that measure the program: nothing else may run beside them. */
const measuring = ['test/e2e/memory.spec.ts'];

/** Much of what a suite does is to wait for servers and for time limits: more suites than cores run at once. */
const WORKERS = 3;

/** What runs together; a later group waits for the earlier one, so that load on the machine stays what a test expects. */
const group = (groupOrder: number, maxWorkers: number) => ({
  maxWorkers,
  fileParallelism: maxWorkers > 1,
  sequence: { groupOrder },
});

export default defineConfig({
  ...fromSource,
  test: {
    pool: 'forks',
    reporters: ['default', './test/support/counting-reporter.ts'],
    coverage: { provider: 'v8', include: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts'], exclude: ['**/*.spec.ts'] },
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          ...group(0, 2),
        },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          include: ['test/**/*.spec.ts'],
          exclude: [...configDefaults.exclude, ...ownCommands, 'test/e2e/**'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          ...group(1, WORKERS),
        },
      },
      {
        ...fromSource,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.spec.ts'],
          exclude: [...configDefaults.exclude, ...measuring],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          ...group(2, WORKERS),
        },
      },
      {
        ...fromSource,
        test: {
          name: 'e2e measured',
          include: measuring,
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          ...group(3, 1),
        },
      },
    ],
  },
});
