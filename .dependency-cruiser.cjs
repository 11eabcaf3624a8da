/** Which library may import which; see docs/architecture.md. */
const LAYERS = {
  kernel: [],
  pgoutput: [],
  events: ['kernel', 'pgoutput'],
  filtering: ['kernel', 'pgoutput', 'events'],
  config: ['kernel'],
  metrics: ['kernel', 'config'],
  observability: ['kernel', 'config'],
  replication: ['kernel', 'pgoutput', 'config'],
  publishing: ['kernel', 'events', 'config'],
  pipeline: ['kernel', 'pgoutput', 'events', 'filtering', 'config', 'replication', 'publishing'],
  health: ['kernel', 'pipeline'],
};

/** Specs, and what only they use, may look everywhere. */
const TESTS = '(\\.spec\\.ts$|/testing/|^test/)';

const layerRules = Object.entries(LAYERS).map(([lib, allowed]) => ({
  name: `layer-${lib}`,
  comment: `${lib} may import ${allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^libs/${lib}/`, pathNot: TESTS },
  to: { path: '^(libs|apps|test)/', pathNot: `^libs/(${[lib, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'known-lib',
      comment: 'a new library needs a line in the table of layers',
      severity: 'error',
      from: { path: `^libs/(?!(${Object.keys(LAYERS).join('|')})/)` },
      to: {},
    },
    {
      name: 'pure-lib',
      comment: 'kernel and pgoutput need no npm package',
      severity: 'error',
      from: { path: '^libs/(kernel|pgoutput)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-peer', 'npm-optional', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'only-through-index',
      comment: "another library is reached through '#lib/name' alone",
      severity: 'error',
      from: { path: '^(libs/[^/]+|apps/[^/]+)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/([^/]+)/', pathNot: ['^$1/', '^libs/[^/]+/(testing/)?src/index\\.ts$'] },
    },
    {
      name: 'no-production-import-of-tests',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'no-rxjs',
      comment: 'one way to do asynchronous work',
      severity: 'error',
      from: { path: '^(libs|apps)/' },
      to: { path: 'node_modules/rxjs/' },
    },
    {
      name: 'nest-at-the-edge',
      comment:
        'everything but modules, hosts, controllers, indicators, filters and the logger adapter is plain TypeScript',
      severity: 'error',
      from: {
        path: '^libs/',
        pathNot: [
          '\\.(module|host|controller|indicator|filter)\\.ts$',
          '^libs/observability/src/nest-logger\\.ts$',
          TESTS,
        ],
      },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'cheap-health-check',
      comment: 'a container runs it every few seconds: no framework and no broker client',
      severity: 'error',
      from: { path: '^apps/wal-listener/src/commands/healthcheck\\.ts$' },
      to: { path: ['node_modules/@nestjs/', '^libs/(publishing|replication)/'], reachable: true },
    },
    {
      name: 'not-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependency-in-production',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
  },
};
