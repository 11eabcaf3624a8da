import { defineConfig } from 'vitest/config';

/** What the mutants of `npm run test:mutation` must fail: the specs beside the mutated code, which need no server. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: [
      'libs/{pgoutput,events,filtering}/src/**/*.spec.ts',
      'libs/pipeline/src/{ack-tracker,published-runs}.spec.ts',
    ],
    setupFiles: ['test/mutation/property-tests.ts'],
    testTimeout: 30_000,
    isolate: false,
  },
});
