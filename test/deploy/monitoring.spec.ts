import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { PrometheusMetrics } from '../../libs/metrics/src/prometheus-metrics.js';
import { describeWithTools } from '../support/deploy-tools.js';
import { repositoryRoot } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import { selectorsOf } from './support/promql.js';

interface Rules {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

interface Datasource {
  readonly type: string;
  readonly uid: string;
}

interface Panel {
  readonly type: string;
  readonly id: number;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: Datasource;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: Datasource }[];
}

interface Dashboard {
  readonly schemaVersion: number;
  readonly __inputs?: unknown;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] };
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

const execute = promisify(execFile);
const folder = join(repositoryRoot(), 'deploy/prometheus');
const { groups } = parse(readFileSync(join(folder, 'alerts.yml'), 'utf8')) as Rules;
const alerts = groups.flatMap(({ rules }) => rules);
const dashboardText = readFileSync(join(repositoryRoot(), 'deploy/grafana/wal-listener.json'), 'utf8');
const dashboard = JSON.parse(dashboardText) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ ...target, panel })));
const variables = dashboard.templating.list;
const annotationExpressions = dashboard.annotations.list.flatMap(({ expr }) => expr ?? []);
const variableQueries = variables.flatMap(({ definition }) => definition ?? []);

/** Labels that Prometheus adds to what it scrapes. */
const SCRAPE_LABELS = ['cluster', 'namespace', 'job', 'service', 'pod', 'instance'];
/** What Prometheus makes itself. */
const BUILT_IN = new Map([
  ['up', SCRAPE_LABELS],
  ['ALERTS', [...SCRAPE_LABELS, 'alertname', 'alertstate']],
]);

function freshMetrics(): { readonly registry: Registry; readonly metrics: PrometheusMetrics } {
  const registry = new Registry();
  const build = { version: '1.2.3', commit: 'abc' };
  return { registry, metrics: new PrometheusMetrics(registry, { maxTables: 10, build }) };
}

/** Every metric there is, as Prometheus sees its name, with its labels. */
function knownMetrics(): ReadonlyMap<string, readonly string[]> {
  const { registry } = freshMetrics();
  collectDefaultMetrics({ register: registry });
  const known = new Map<string, readonly string[]>(BUILT_IN);
  for (const metric of registry.getMetricsAsArray()) {
    const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
    const labels = [...SCRAPE_LABELS, ...labelNames];
    if (metric.constructor.name === 'Histogram') {
      for (const suffix of ['_bucket', '_sum', '_count']) known.set(metric.name + suffix, labels);
    } else {
      known.set(metric.name, labels);
    }
  }
  return known;
}

/** Names, labels and label values in these expressions that do not exist. */
async function unknownIn(expressions: readonly string[]): Promise<readonly string[]> {
  const known = knownMetrics();
  const text = await freshMetrics().registry.metrics();
  return expressions.flatMap(selectorsOf).flatMap(({ metric, matchers }) => {
    const labels = known.get(metric);
    if (labels === undefined) return [metric];
    return matchers.flatMap(({ label, operator, value }) => {
      if (!labels.includes(label)) return [`${metric}{${label}}`];
      const isClosed = ['state', 'status', 'kind', 'side', 'app'].includes(label) && operator === '=';
      return isClosed && !text.includes(`${label}="${value}"`) ? [`${metric}{${label}="${value}"}`] : [];
    });
  });
}

describe('deploy/prometheus/alerts.yml', () => {
  it('asks only for metrics, labels and values that exist', async () => {
    const expressions = alerts.map(({ expr }) => expr);
    expect(expressions.flatMap(selectorsOf).length).toBeGreaterThan(20);
    expect(await unknownIn(expressions)).toEqual([]);
  });

  it('has for each alert a severity, what it means, and where to read on', () => {
    expect(alerts.map(({ alert }) => alert)).toEqual([
      'WalListenerDown',
      'WalListenerNotStreaming',
      'WalListenerStalled',
      'WalListenerLagHigh',
      'WalListenerSlotRetention',
      'WalListenerSlotAtRisk',
      'WalListenerSlotLost',
      'WalListenerPoison',
      'WalListenerReconnectStorm',
    ]);
    for (const { alert, labels, annotations } of alerts) {
      expect(labels['severity'], alert).toMatch(/^(warning|critical)$/);
      expect(annotations, alert).toEqual({
        summary: expect.stringMatching(/\S/) as unknown,
        description: expect.stringMatching(/\.$/) as unknown,
        runbook: `docs/operations.md#${alert.toLowerCase()}`,
      });
    }
  });

  it('judges installations, not processes: every sum and maximum keeps the same labels', () => {
    for (const { alert, expr } of alerts) {
      const aggregations = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].map(([, list = '']) => list);
      expect(aggregations.length, alert).toBeGreaterThan(0);
      for (const list of aggregations)
        expect(list, alert).toMatch(/^cluster, namespace, job, service(, kind|, side|, policy)?$/);
    }
  });
});

describe('deploy/grafana/wal-listener.json', () => {
  it('asks only for metrics, labels and values that exist', async () => {
    expect(targets.length).toBeGreaterThan(25);
    const expressions = targets.map(({ expr }) => expr);
    const queries = variableQueries.map((query) => query.replace(/^label_values\((.*), \w+\)$/, '$1'));
    expect(await unknownIn([...expressions, ...annotationExpressions, ...queries])).toEqual([]);
  });

  it('shows every metric of ours', () => {
    const shown = new Set(targets.flatMap(({ expr }) => selectorsOf(expr)).map(({ metric }) => metric));
    const missing = freshMetrics()
      .registry.getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => !shown.has(name) && !shown.has(`${name}_bucket`));
    expect(missing).toEqual([]);
  });

  it('loads without edits: the data source is a variable, and every variable is defined', () => {
    expect(dashboard.__inputs).toBeUndefined();
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(variables[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    const uids = [...dashboardText.matchAll(/"datasource": \{[^}]*"uid": "([^"]*)"/g)].map(([, uid]) => uid);
    expect(new Set(uids)).toEqual(new Set(['${datasource}', '-- Grafana --']));
    const used = [...dashboardText.matchAll(/\$(?:\{(\w+)|(\w+))/g)].map(([, braced, bare]) => braced ?? bare ?? '');
    const names = new Set([...variables.map(({ name }) => name), '__all', '__rate_interval']);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
    for (const { name } of variables) expect(used, name).toContain(name);
  });

  it('narrows every query to what is selected', () => {
    for (const { expr, panel } of targets) {
      for (const { metric, matchers } of selectorsOf(expr)) {
        const selected = matchers.filter(({ operator }) => operator === '=~').map(({ label }) => label);
        expect(selected, `${panel.title}: ${metric}`).toEqual(['namespace', 'job', 'instance']);
      }
    }
  });

  it('has panels with a place of their own, a unit, a description and queries', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`), `${title} overlaps`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    }
    for (const panel of panels) {
      expect(panel.description, panel.title).toMatch(/\.$/);
      expect(panel.fieldConfig?.defaults.unit, panel.title).toMatch(/\S/);
      expect(panel.gridPos.w, panel.title).toBeGreaterThanOrEqual(4);
      const refs = panel.targets?.map(({ refId }) => refId) ?? [];
      expect(refs.length, panel.title).toBeGreaterThan(0);
      expect(new Set(refs).size, panel.title).toBe(refs.length);
    }
  });
});

await describeWithTools('with promtool', ['promtool'], ({ promtool }) => {
  it('the alerts parse, and have no lint', async () => {
    const { stdout } = await execute(promtool, ['check', 'rules', '--lint-fatal', join(folder, 'alerts.yml')]);
    expect(stdout).toContain(`${alerts.length} rules found`);
  });

  it.each(['alerts.test.yml', 'alerts-healthy.test.yml'])('the alerts pass %s', async (file) => {
    await expect(execute(promtool, ['test', 'rules', join(folder, file)])).resolves.toBeDefined();
  });

  it('every alert has a test in which it fires', () => {
    const tests = parse(readFileSync(join(folder, 'alerts.test.yml'), 'utf8')) as {
      readonly tests: readonly {
        readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
      }[];
    };
    const cases = tests.tests.flatMap((test) => test.alert_rule_test ?? []);
    const firing = new Set(cases.filter((test) => test.exp_alerts.length > 0).map(({ alertname }) => alertname));
    expect([...firing].toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  });

  it('every query of the dashboard parses', async () => {
    const values = { __rate_interval: '5m', top: '10', namespace: '.*', job: 'a|b', instance: 'c' };
    const filled = (expr: string) =>
      Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`$${name}`, value), expr);
    const expressions = [...targets.map(({ expr }) => expr), ...annotationExpressions].map(filled);
    expect(expressions.filter((expr) => expr.includes('$'))).toEqual([]);
    const rules = expressions.map((expr, at) => ({ record: `panel:${at}`.replace(/\d+/, (n) => `n${n}`), expr }));
    await using dir = await tempDir();
    const file = join(dir.path, 'dashboard.yml');
    await writeFile(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { stdout } = await execute(promtool, ['check', 'rules', file]);
    expect(stdout).toContain(`${rules.length} rules found`);
  });

  it('the metrics have no lint', async () => {
    const { registry, metrics } = freshMetrics();
    metrics.published('shop.public_users', 'users', 1);
    metrics.filtered('users', 1);
    metrics.confirmed(1n);
    metrics.commitToAck(1);
    metrics.slot({ walStatus: 'reserved', retainedBytes: 1, lagBytes: 1, limitBytes: 1, safeBytes: 1 });
    const checked = execute(promtool, ['check', 'metrics']);
    checked.child.stdin?.end(await registry.metrics());
    expect((await checked).stderr).toBe('');
  });
});
