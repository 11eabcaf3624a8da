import type { OutgoingEvent, Route } from '#lib/events';
import type { Metrics } from '#lib/kernel';

interface Run {
  readonly route: Route;
  count: number;
  lastSeq: number;
}

/**
 * Counts events per table when they become durable. Events of one table mostly follow each other, so what is in flight
 * is kept as runs, not one by one.
 */
export class PublishedRuns {
  private readonly runs: Run[] = [];

  constructor(private readonly metrics: Metrics) {}

  add(event: OutgoingEvent): void {
    const newest = this.runs.at(-1);
    if (newest !== undefined && newest.route === event.route) {
      newest.count++;
      newest.lastSeq = event.seq;
    } else {
      this.runs.push({ route: event.route, count: 1, lastSeq: event.seq });
    }
  }

  /** Every event below `seq` is durable. */
  durableBefore(seq: number): void {
    let done = 0;
    for (const run of this.runs) {
      const open = Math.min(run.count, Math.max(0, run.lastSeq - seq + 1));
      if (open < run.count) {
        this.metrics.published(run.route.topic, run.route.table, run.count - open);
        run.count = open;
      }
      if (open > 0) break;
      done++;
    }
    this.runs.splice(0, done);
  }
}
