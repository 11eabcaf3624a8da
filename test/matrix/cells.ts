import { join } from 'node:path';
import { ensureGoProgram } from '../support/go-program.js';
import { ensureNpmPackage } from '../support/npm-package.js';
import { ALL_POSTGRES_VERSIONS } from '../support/postgres.js';

/** One run of suites against one version of something. */
export interface Cell {
  /** As asked for on the command line. */
  readonly name: string;
  /** Fetches what it needs; gives what the run gets. */
  prepare(): Promise<CellRun>;
  /** Files or folders of suites; none = all of `npm test`. */
  readonly suites: readonly string[];
}

export interface CellRun {
  readonly env: Readonly<Record<string, string>>;
  /** The Node program that runs the suites and what they start; default: the one running now. */
  readonly node?: string;
}

/** What depends on the version of PostgreSQL. */
const DATABASE_SUITES = [
  'test/support/postgres.spec.ts',
  'test/integration',
  'test/docs/operations-sql.spec.ts',
  'test/e2e/nothing-lost.spec.ts',
  'test/e2e/stop.spec.ts',
  'test/e2e/bad-input.spec.ts',
];

const NATS_SUITES = [
  'test/contract/nats',
  'test/e2e/nothing-lost.spec.ts',
  'test/e2e/standby.spec.ts',
  'test/e2e/health.spec.ts',
  'test/e2e/bad-input.spec.ts',
];

const NATS_VERSION = 'v2.15.2';
const NODE_VERSIONS = ['20.20.2', '22.23.3', '24.21.0'];

function postgresCell(version: number): Cell {
  return {
    name: `postgres-${String(version)}`,
    suites: DATABASE_SUITES,
    prepare: () => Promise.resolve({ env: { TEST_POSTGRES_VERSIONS: String(version) } }),
  };
}

function nodeCell(version: string): Cell {
  return {
    name: `node-${version.split('.', 1)[0] ?? ''}`,
    suites: [],
    async prepare() {
      const folder = await ensureNpmPackage(`node-${process.platform}-${process.arch}`, version);
      return { env: {}, node: join(folder, 'bin', 'node') };
    },
  };
}

/** Every supported version of what the product meets; PostgreSQL 18, nats-server 2.9 and Kafka 4.4 are `npm test`'s. */
export const CELLS: readonly Cell[] = [
  ...ALL_POSTGRES_VERSIONS.filter((version) => version !== 18).map((version) => postgresCell(version)),
  {
    name: 'nats-2.15',
    suites: NATS_SUITES,
    async prepare() {
      const program = await ensureGoProgram('nats-server', 'github.com/nats-io/nats-server/v2', NATS_VERSION);
      return { env: { TEST_NATS_SERVER: program } };
    },
  },
  ...NODE_VERSIONS.map((version) => nodeCell(version)),
];
