import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SlotReading } from '#lib/kernel';
import { PrometheusMetrics } from './prometheus-metrics.js';

/** Every series that dashboards and alerts may rely on, as of a service that has just started. */
const AT_START = `
filter_skipped_events_total counter
problematic_events_total counter
problematic_events_total{app="wal-listener",kind="ack"} 0
problematic_events_total{app="wal-listener",kind="parse"} 0
problematic_events_total{app="wal-listener",kind="publish"} 0
published_events_total counter
wal_listener_build_info gauge
wal_listener_build_info{version="1.2.3",commit="abc",node="${process.versions.node}"} 1
wal_listener_commit_to_ack_seconds histogram
wal_listener_commit_to_ack_seconds_count 0
wal_listener_commit_to_ack_seconds_sum 0
wal_listener_confirmed_lsn gauge
wal_listener_in_flight_bytes 0
wal_listener_in_flight_bytes gauge
wal_listener_in_flight_events 0
wal_listener_in_flight_events gauge
wal_listener_passed_over_events_total counter
wal_listener_passed_over_events_total{policy="deadLetter"} 0
wal_listener_passed_over_events_total{policy="maxTransactionSize"} 0
wal_listener_passed_over_events_total{policy="skip"} 0
wal_listener_passed_over_events_total{policy="unroutable"} 0
wal_listener_pipeline_state gauge
wal_listener_pipeline_state{state="connecting"} 0
wal_listener_pipeline_state{state="failed"} 0
wal_listener_pipeline_state{state="standby"} 0
wal_listener_pipeline_state{state="starting"} 1
wal_listener_pipeline_state{state="stopped"} 0
wal_listener_pipeline_state{state="stopping"} 0
wal_listener_pipeline_state{state="streaming"} 0
wal_listener_pipeline_state{state="waiting"} 0
wal_listener_publish_attempts_total 0
wal_listener_publish_attempts_total counter
wal_listener_publish_retries_total 0
wal_listener_publish_retries_total counter
wal_listener_reconnects_total counter
wal_listener_reconnects_total{side="broker"} 0
wal_listener_reconnects_total{side="database"} 0
wal_listener_replication_lag_bytes gauge
wal_listener_replication_lag_seconds 0
wal_listener_replication_lag_seconds gauge
wal_listener_slot_retained_wal_bytes gauge
wal_listener_slot_safe_wal_bytes gauge
wal_listener_slot_wal_limit_bytes gauge
wal_listener_slot_wal_status gauge
wal_listener_slot_wal_status{status="extended"} 0
wal_listener_slot_wal_status{status="lost"} 0
wal_listener_slot_wal_status{status="reserved"} 0
wal_listener_slot_wal_status{status="unreserved"} 0
`
  .trim()
  .split('\n');

const READING: SlotReading = {
  walStatus: 'extended',
  retainedBytes: 3000,
  lagBytes: 1000,
  limitBytes: 9000,
  safeBytes: 6000,
};

let registry: Registry;
let metrics: PrometheusMetrics;

beforeEach(() => {
  registry = new Registry();
  metrics = new PrometheusMetrics(registry, { maxTables: 2, build: { version: '1.2.3', commit: 'abc' } });
});

/** The series of metrics whose name begins so, sorted. */
async function series(name: string): Promise<string[]> {
  const lines = (await registry.metrics()).split('\n');
  return lines.filter((line) => line.startsWith(name)).toSorted();
}

describe('PrometheusMetrics', () => {
  it('has exactly the documented names, labels and values from the start', async () => {
    const lines = (await registry.metrics()).split('\n');
    const types = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.slice('# TYPE '.length));
    const values = lines.filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_bucket{'));
    expect([...types, ...values].toSorted()).toEqual(AT_START.toSorted());
  });

  it('says of each metric what it is', async () => {
    for (const { name, help } of await registry.getMetricsAsJSON()) {
      expect(help, name).toMatch(/^\S.{20,}\.$/s);
    }
  });

  it('counts per subject and table with the labels of the Go services, and what does not fit as other', async () => {
    metrics.published('shop.public_users', 'users', 2);
    metrics.published('shop.tenant_users', 'users', 1);
    metrics.published('shop.late_users', 'users', 5);
    metrics.published('shop.public_users', 'users', 3);
    metrics.published('shop.later_users', 'users', 1);
    expect(await series('published_events_total')).toEqual([
      'published_events_total{app="wal-listener",subject="other",table="other"} 6',
      'published_events_total{app="wal-listener",subject="shop.public_users",table="users"} 5',
      'published_events_total{app="wal-listener",subject="shop.tenant_users",table="users"} 1',
    ]);
    for (const table of ['a', 'b', 'c', 'd', 'a']) metrics.filtered(table, 1);
    expect(await series('filter_skipped_events_total')).toEqual([
      'filter_skipped_events_total{app="wal-listener",table="a"} 2',
      'filter_skipped_events_total{app="wal-listener",table="b"} 1',
      'filter_skipped_events_total{app="wal-listener",table="other"} 2',
    ]);
  });

  it('has 1 for the current state and wal_status alone, and never a value that is not known', async () => {
    metrics.state('streaming');
    metrics.slot(READING);
    metrics.slot({ ...READING, walStatus: 'lost' });
    const ones = [
      ...(await series('wal_listener_pipeline_state{')),
      ...(await series('wal_listener_slot_wal_status{')),
    ];
    expect(ones).toHaveLength(8 + 4);
    expect(ones.filter((line) => line.endsWith(' 1'))).toEqual([
      'wal_listener_pipeline_state{state="streaming"} 1',
      'wal_listener_slot_wal_status{status="lost"} 1',
    ]);
    metrics.slot({ ...READING, walStatus: 'of a later PostgreSQL' });
    expect((await series('wal_listener_slot_wal_status{')).every((line) => line.endsWith(' 0'))).toBe(true);
  });

  it('has no series for what is not known or does not exist', async () => {
    const names = ['confirmed_lsn', 'replication_lag_bytes', 'slot_retained', 'slot_wal_limit', 'slot_safe'];
    const present = async () => (await Promise.all(names.map((name) => series(`wal_listener_${name}`)))).flat();
    expect(await present()).toEqual([]);
    metrics.confirmed(0x16_b374d848n);
    metrics.slot(READING);
    expect(await present()).toEqual([
      'wal_listener_confirmed_lsn 97500059720',
      'wal_listener_replication_lag_bytes 1000',
      'wal_listener_slot_retained_wal_bytes 3000',
      'wal_listener_slot_wal_limit_bytes 9000',
      'wal_listener_slot_safe_wal_bytes 6000',
    ]);
    metrics.slot({ ...READING, limitBytes: undefined, safeBytes: undefined });
    expect(await present()).toHaveLength(3);
  });

  it('passes on what the pipeline tells', async () => {
    metrics.problem('publish');
    metrics.passedOver('skip', 3);
    metrics.reconnect('broker');
    metrics.inFlight(7, 700);
    metrics.publishAttempts(5);
    metrics.publishRetries(2);
    metrics.lagSeconds(1.5);
    metrics.commitToAck(0.002);
    metrics.commitToAck(61);
    const lines = (await registry.metrics()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'problematic_events_total{app="wal-listener",kind="publish"} 1',
        'wal_listener_passed_over_events_total{policy="skip"} 3',
        'wal_listener_reconnects_total{side="broker"} 1',
        'wal_listener_in_flight_events 7',
        'wal_listener_in_flight_bytes 700',
        'wal_listener_publish_attempts_total 5',
        'wal_listener_publish_retries_total 2',
        'wal_listener_replication_lag_seconds 1.5',
        'wal_listener_commit_to_ack_seconds_bucket{le="0.001"} 0',
        'wal_listener_commit_to_ack_seconds_bucket{le="0.0025"} 1',
        'wal_listener_commit_to_ack_seconds_bucket{le="60"} 1',
        'wal_listener_commit_to_ack_seconds_bucket{le="+Inf"} 2',
      ]),
    );
  });
});
