import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Metrics, SlotReading } from '#lib/kernel';

const APP = 'wal-listener';
const OTHER = 'other';
/** Seconds; from a local commit to a broker that is slow to answer. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics port on prom-client. The three unprefixed names are those of the Go services. */
export class PrometheusMetrics implements Metrics {
  private readonly tables = new Set<string>();
  private readonly publishedTotal: Counter<'app' | 'subject' | 'table'>;
  private readonly filteredTotal: Counter<'app' | 'table'>;
  private readonly problemTotal: Counter<'app' | 'kind'>;
  private readonly ackLatency: Histogram;
  private readonly inFlightEvents: Gauge;
  private readonly inFlightBytes: Gauge;
  private readonly attemptsTotal: Counter;
  private readonly retriesTotal: Counter;
  private readonly reconnectsTotal: Counter<'side'>;
  private readonly confirmedLsn: Gauge;
  private readonly lagBytesGauge: Gauge;
  private readonly lagSecondsGauge: Gauge;
  private readonly stateGauge: Gauge<'state'>;
  private readonly slotRetained: Gauge;
  private readonly slotStatus: Gauge<'status'>;

  /** @param maxTables tables beyond this many count under the label `other` */
  constructor(
    registry: Registry,
    private readonly maxTables: number,
  ) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name, help, labelNames, registers });
    const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Gauge<L>({ name: `wal_listener_${name}`, help, labelNames, registers });

    this.publishedTotal = counter('published_events_total', 'Events the broker acknowledged', [
      'app',
      'subject',
      'table',
    ]);
    this.filteredTotal = counter('filter_skipped_events_total', 'Events the filters left out', ['app', 'table']);
    this.problemTotal = counter('problematic_events_total', 'Events that met a problem', ['app', 'kind']);
    this.ackLatency = new Histogram({
      name: 'wal_listener_commit_to_ack_seconds',
      help: 'From the commit in PostgreSQL to the acknowledgement by the broker',
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.inFlightEvents = gauge('in_flight_events', 'Events handed to the publisher and not yet durable');
    this.inFlightBytes = gauge('in_flight_bytes', 'Bytes handed to the publisher and not yet durable');
    this.attemptsTotal = counter('wal_listener_publish_attempts_total', 'Events handed to the publisher');
    this.retriesTotal = counter('wal_listener_publish_retries_total', 'Events sent again');
    this.reconnectsTotal = counter('wal_listener_reconnects_total', 'Attempts that failed, by side', ['side']);
    this.confirmedLsn = gauge('confirmed_lsn', 'Position confirmed to PostgreSQL, in bytes of WAL');
    this.lagBytesGauge = gauge('replication_lag_bytes', 'WAL between the confirmed position and the end of the WAL');
    this.lagSecondsGauge = gauge('replication_lag_seconds', 'Age of the oldest transaction read and not yet durable');
    this.stateGauge = gauge('pipeline_state', '1 for the state the pipeline is in', ['state']);
    this.slotRetained = gauge('slot_retained_wal_bytes', 'WAL the slot keeps the server from removing');
    this.slotStatus = gauge('slot_wal_status', '1 for the slot’s wal_status', ['status']);
  }

  published(topic: string, table: string, count: number): void {
    const label = this.tableLabel(table);
    this.publishedTotal.inc({ app: APP, subject: label === OTHER ? OTHER : topic, table: label }, count);
  }

  filtered(table: string, count: number): void {
    this.filteredTotal.inc({ app: APP, table: this.tableLabel(table) }, count);
  }

  problem(kind: 'parse' | 'publish' | 'ack'): void {
    this.problemTotal.inc({ app: APP, kind });
  }

  commitToAck(seconds: number): void {
    this.ackLatency.observe(seconds);
  }

  inFlight(events: number, bytes: number): void {
    this.inFlightEvents.set(events);
    this.inFlightBytes.set(bytes);
  }

  publishAttempts(count: number): void {
    this.attemptsTotal.inc(count);
  }

  publishRetries(count: number): void {
    this.retriesTotal.inc(count);
  }

  reconnect(side: 'database' | 'broker'): void {
    this.reconnectsTotal.inc({ side });
  }

  confirmed(lsn: bigint): void {
    this.confirmedLsn.set(Number(lsn));
  }

  lagSeconds(seconds: number): void {
    this.lagSecondsGauge.set(seconds);
  }

  state(state: string): void {
    this.stateGauge.reset();
    this.stateGauge.set({ state }, 1);
  }

  slot({ retainedBytes, walStatus, lagBytes }: SlotReading): void {
    this.slotRetained.set(retainedBytes);
    this.lagBytesGauge.set(lagBytes);
    this.slotStatus.reset();
    this.slotStatus.set({ status: walStatus }, 1);
  }

  private tableLabel(table: string): string {
    if (this.tables.has(table)) return table;
    if (this.tables.size >= this.maxTables) return OTHER;
    this.tables.add(table);
    return table;
  }
}
