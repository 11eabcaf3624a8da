import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Metrics, PassOverPolicy, SlotReading } from '#lib/kernel';
import { CappedPairs } from './capped-pairs.js';

const APP = 'wal-listener';
/** Seconds; from a local commit to a broker that is slow to answer. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

// All values of these labels, so that every series is there from the start: a rate or an increase misses nothing that
// way, not even a first event, and a state that was never met reads 0.
const PROBLEMS = ['parse', 'publish', 'ack'] as const;
const POLICIES = [
  'skip',
  'deadLetter',
  'unroutable',
  'maxTransactionSize',
] as const satisfies readonly PassOverPolicy[];
const SIDES = ['database', 'broker'] as const;
const STATES = ['starting', 'connecting', 'standby', 'streaming', 'waiting', 'stopping', 'stopped', 'failed'] as const;
const WAL_STATUSES = ['reserved', 'extended', 'unreserved', 'lost'] as const;

/** What is running. */
export interface BuildLabels {
  readonly version: string;
  readonly commit: string;
}

export interface PrometheusOptions {
  /** Series per table that each of the counters may have; what does not fit counts under `other`. */
  readonly maxTables: number;
  readonly build: BuildLabels;
}

/** Makes metrics in one registry. */
function maker(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name, help, labelNames, registers }),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Gauge<L>({ name: `wal_listener_${name}`, help, labelNames, registers }),
    /** Without a series until its value is known. */
    unknown: (name: string, help: string) => {
      const gauge = new Gauge({ name: `wal_listener_${name}`, help, registers });
      gauge.remove();
      return gauge;
    },
  };
}

/** What the pipeline does. The three unprefixed names and their labels are those of the Go services. */
function flowMetrics(registry: Registry) {
  const { counter, gauge, unknown } = maker(registry);
  return {
    published: counter(
      'published_events_total',
      'Events that the broker acknowledged, or a policy passed over, by subject (topic) and table.',
      ['app', 'subject', 'table'],
    ),
    filtered: counter('filter_skipped_events_total', 'Changes that are not published: filtered out, or over a limit.', [
      'app',
      'table',
    ]),
    problems: counter(
      'problematic_events_total',
      'Problems by kind: parse = a message could not be decoded; publish = the broker refused an event, or a policy ' +
        'passed it over; ack = an acknowledgement did not come. What is refused or not acknowledged is sent again.',
      ['app', 'kind'],
    ),
    passedOver: counter(
      'wal_listener_passed_over_events_total',
      'Events that were not published, or a dead letter in their place, by the policy that says so.',
      ['policy'],
    ),
    ackLatency: new Histogram({
      name: 'wal_listener_commit_to_ack_seconds',
      help:
        'From the commit in PostgreSQL (by its clock) to the acknowledgement of the last event of the transaction. ' +
        'Observed once for each batch of acknowledgements, for the oldest transaction that it completes: the worst ' +
        'of each batch, so the count is not one of events.',
      buckets: LATENCY_BUCKETS,
      registers: [registry],
    }),
    inFlightEvents: gauge('in_flight_events', 'Events read that are not durable in the broker yet.'),
    inFlightBytes: gauge('in_flight_bytes', 'Bytes of the events read that are not durable in the broker yet.'),
    attempts: counter('wal_listener_publish_attempts_total', 'Events sent to the broker, repeats included.'),
    retries: counter('wal_listener_publish_retries_total', 'Events sent to the broker again.'),
    reconnects: counter(
      'wal_listener_reconnects_total',
      'Connections that were made anew, and attempts to do so that failed, by the side that was the cause.',
      ['side'],
    ),
    confirmedLsn: unknown('confirmed_lsn', 'Position confirmed to PostgreSQL, the LSN as a number (bytes of WAL).'),
    lagSeconds: gauge(
      'replication_lag_seconds',
      'Age of the oldest transaction that was read and is not durable in the broker yet; while no stream is open, ' +
        'how long events have not been flowing. 0 in a standby.',
    ),
    state: gauge('pipeline_state', '1 for the state that the pipeline is in, 0 for the others.', ['state']),
    build: gauge('build_info', '1, with the version, the commit it was built from, and that of Node.js.', [
      'version',
      'commit',
      'node',
    ]),
  };
}

/** What the server says of the slot. */
function slotMetrics(registry: Registry) {
  const { gauge, unknown } = maker(registry);
  return {
    lagBytes: unknown('replication_lag_bytes', 'WAL between the confirmed position and the end of the WAL.'),
    retained: unknown('slot_retained_wal_bytes', 'WAL that the slot keeps the server from removing.'),
    limit: unknown('slot_wal_limit_bytes', 'max_slot_wal_keep_size; no series when there is no limit.'),
    safe: unknown(
      'slot_safe_wal_bytes',
      'WAL that may still be written before the slot is in danger; no series when there is no limit, or it is lost.',
    ),
    status: gauge('slot_wal_status', '1 for the wal_status of the slot, 0 for the others; all 0 until it is read.', [
      'status',
    ]),
  };
}

/** The metrics port on prom-client. */
export class PrometheusMetrics implements Metrics {
  private readonly flow: ReturnType<typeof flowMetrics>;
  private readonly ofSlot: ReturnType<typeof slotMetrics>;
  private readonly publishedPairs: CappedPairs;
  private readonly filteredTables: CappedPairs;

  constructor(registry: Registry, { maxTables, build }: PrometheusOptions) {
    this.flow = flowMetrics(registry);
    this.ofSlot = slotMetrics(registry);
    this.publishedPairs = new CappedPairs(APP, maxTables);
    this.filteredTables = new CappedPairs(APP, maxTables);
    for (const kind of PROBLEMS) this.flow.problems.inc({ app: APP, kind }, 0);
    for (const policy of POLICIES) this.flow.passedOver.inc({ policy }, 0);
    for (const side of SIDES) this.flow.reconnects.inc({ side }, 0);
    this.state('starting');
    for (const status of WAL_STATUSES) this.ofSlot.status.set({ status }, 0);
    const { version, commit } = build;
    this.flow.build.set({ version, commit, node: process.versions.node }, 1);
  }

  published(topic: string, table: string, count: number): void {
    this.flow.published.inc(this.publishedPairs.labels(topic, table), count);
  }

  filtered(table: string, count: number): void {
    const labels = this.filteredTables.labels('', table);
    this.flow.filtered.inc({ app: APP, table: labels.table }, count);
  }

  problem(kind: (typeof PROBLEMS)[number]): void {
    this.flow.problems.inc({ app: APP, kind });
  }

  passedOver(policy: PassOverPolicy, count: number): void {
    this.flow.passedOver.inc({ policy }, count);
  }

  commitToAck(seconds: number): void {
    this.flow.ackLatency.observe(seconds);
  }

  inFlight(events: number, bytes: number): void {
    this.flow.inFlightEvents.set(events);
    this.flow.inFlightBytes.set(bytes);
  }

  publishAttempts(count: number): void {
    this.flow.attempts.inc(count);
  }

  publishRetries(count: number): void {
    this.flow.retries.inc(count);
  }

  reconnect(side: (typeof SIDES)[number]): void {
    this.flow.reconnects.inc({ side });
  }

  confirmed(lsn: bigint): void {
    this.flow.confirmedLsn.set(Number(lsn));
  }

  lagSeconds(seconds: number): void {
    this.flow.lagSeconds.set(seconds);
  }

  state(current: string): void {
    for (const state of STATES) this.flow.state.set({ state }, state === current ? 1 : 0);
  }

  slot(reading: SlotReading | undefined): void {
    const { ofSlot } = this;
    setOrRemove(ofSlot.retained, reading?.retainedBytes);
    setOrRemove(ofSlot.lagBytes, reading?.lagBytes);
    setOrRemove(ofSlot.limit, reading?.limitBytes);
    setOrRemove(ofSlot.safe, reading?.safeBytes);
    for (const status of WAL_STATUSES) ofSlot.status.set({ status }, status === reading?.walStatus ? 1 : 0);
  }
}

/** What there is none of has no series: 0 would be a figure. */
function setOrRemove(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
