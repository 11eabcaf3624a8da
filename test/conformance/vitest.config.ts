import { defineConfig } from 'vitest/config';

/** Every value, schema change and malformed input, on every version of PostgreSQL: `npm run test:conformance`. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // The environment of global set-up, which takes neither of the above.
  environments: { __vitest__: { resolve: { conditions: ['source', 'node'] } } },
  test: {
    pool: 'forks',
    reporters: ['default', './test/support/counting-reporter.ts'],
    include: ['test/conformance/**/*.spec.ts'],
    env: { TEST_POSTGRES_VERSIONS: process.env['TEST_POSTGRES_VERSIONS'] ?? '14,15,16,17,18' },
    globalSetup: ['test/support/global-setup.ts'],
    // The fuzz suites run for as long as they are told to.
    testTimeout: 600_000 + 1000 * Number(process.env['WAL_LISTENER_FUZZ_SECONDS'] ?? '60'),
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
