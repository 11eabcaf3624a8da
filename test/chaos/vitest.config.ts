import { defineConfig } from 'vitest/config';

/** The suites of `npm test` that prove the same with more load and repeats; here in full size. */
const fullSize = ['nothing-lost', 'stop', 'memory', 'kafka', 'rabbitmq', 'pubsub'];

/** Faults that take too long for every run: `npm run test:chaos`. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // The environment of global set-up, which takes neither of the above.
  environments: { __vitest__: { resolve: { conditions: ['source', 'node'] } } },
  test: {
    pool: 'forks',
    reporters: ['default', './test/support/counting-reporter.ts'],
    include: ['test/chaos/**/*.spec.ts', ...fullSize.map((name) => `test/e2e/${name}.spec.ts`)],
    env: { TEST_SIZE: 'full' },
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 900_000,
    hookTimeout: 120_000,
    // Much of it is to wait for time limits and for servers.
    maxWorkers: 2,
  },
});
