import type { DemoEvent } from './event-format.js';
import type { Expected } from './shop.js';

/** Compares what was changed with what arrived. */
export class Tally {
  private readonly expected = new Map<string, number>();
  private readonly received = new Map<string, number>();
  private readonly outOfOrder: string[] = [];
  private lastId = '';
  private count = 0;

  /** Events so far. */
  get events(): number {
    return this.count;
  }

  expect(changes: readonly Expected[]): void {
    for (const { table, action, count } of changes) add(this.expected, `${action} ${table}`, count);
  }

  receive(event: DemoEvent): void {
    this.count += 1;
    add(this.received, `${event.action} ${event.table}`, 1);
    // Ids sort in commit order: a repeat or a step back shows itself.
    if (event.id <= this.lastId) this.outOfOrder.push(event.id);
    this.lastId = event.id;
  }

  /** Whether as many events as expected have arrived. */
  get complete(): boolean {
    for (const [what, count] of this.expected) {
      if ((this.received.get(what) ?? 0) < count) return false;
    }
    return true;
  }

  /** What differs from what was expected, one line each; none when all is well. */
  faults(): string[] {
    const names = new Set([...this.expected.keys(), ...this.received.keys()]);
    const faults = this.outOfOrder.map((id) => `event ${id} came again or out of order`);
    for (const name of names) {
      const expected = this.expected.get(name) ?? 0;
      const received = this.received.get(name) ?? 0;
      if (expected !== received) faults.push(`${name}: ${String(received)} events instead of ${String(expected)}`);
    }
    return faults;
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
