import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { PrometheusMetrics } from '../../libs/metrics/src/prometheus-metrics.js';
import { repositoryRoot } from '../support/service.js';
import { headingsOf, namedKeys, optionNames, pageOf } from './support/page.js';

const page = pageOf('operations.md');

/** The part of the page below a heading, up to the next one of its level. */
const section = (heading: string) => page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

/** Name, type and labels of every metric, as documented or as registered. */
type Metric = readonly [name: string, type: string, labels: readonly string[]];

function documentedMetrics(): readonly Metric[] {
  const rows = section('Metrics').matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\|/gm);
  return [...rows].map(([, name = '', type = '', labels = '']) => [name, type, words(labels)]);
}

const words = (cell: string) => [...cell.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted();

async function registeredMetrics(): Promise<readonly Metric[]> {
  const registry = new Registry();
  // oxlint-disable-next-line no-new -- it registers them
  new PrometheusMetrics(registry, { maxTables: 10, build: { version: '1.2.3', commit: 'abc' } });
  const all = registry.getMetricsAsArray();
  const known = await registry.getMetricsAsJSON();
  return known.map(({ name }) => {
    const metric = all.find((candidate) => candidate.name === name);
    const labels: unknown = metric === undefined ? [] : Reflect.get(metric, 'labelNames');
    return [name, metric?.constructor.name.toLowerCase() ?? '', (labels as readonly string[]).toSorted()];
  });
}

const byName = (metrics: readonly Metric[]) => metrics.toSorted(([one], [other]) => (one < other ? -1 : 1));

describe('docs/operations.md', () => {
  it('lists every metric with its type and labels, and no other', async () => {
    const registered = await registeredMetrics();
    expect(registered.length).toBeGreaterThan(15);
    expect(byName(documentedMetrics())).toEqual(byName(registered));
  });

  it('names no metric that does not exist', async () => {
    const known = new Set((await registeredMetrics()).map(([name]) => name));
    const named = [...page.matchAll(/\b(?:wal_listener_[a-z_]+|[a-z_]+_events_total)\b/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('has a heading for every alert, with meaning, first look and remedy, and none for another', () => {
    const rules = readFileSync(join(repositoryRoot(), 'deploy/prometheus/alerts.yml'), 'utf8');
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    expect(alerts.length).toBeGreaterThan(0);
    expect(headingsOf(section('Alerts'), 3).toSorted()).toEqual(alerts.toSorted());
    const runbooks = [...rules.matchAll(/runbook: (\S+)/g)].map(([, link]) => link);
    expect(runbooks).toEqual(alerts.map((name) => `docs/operations.md#${name.toLowerCase()}`));
    for (const [at, part] of section('Alerts').split('\n### ').slice(1).entries()) {
      const bold = [...part.matchAll(/^\*\*(.+?)\.\*\*/gm)].map(([, text]) => text);
      expect(bold, alerts[at]).toEqual(['Meaning', 'First look', 'Remedy']);
    }
  });

  it('names only keys and variables that exist', () => {
    const { keys, variables } = optionNames();
    const named = namedKeys(page);
    expect(named.keys.length).toBeGreaterThan(30);
    expect(named.keys.filter((key) => !keys.has(key))).toEqual([]);
    expect(named.variables.filter((name) => !variables.has(name))).toEqual([]);
  });
});
