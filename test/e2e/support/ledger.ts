import type { PostgresServer } from '../../support/postgres.js';

interface ParsedEvent {
  readonly id: string;
  readonly table: string;
  readonly action: string;
  readonly data: { readonly id?: number; readonly version?: number };
  readonly dataOld: { readonly id?: number; readonly version?: number };
}

/** Everything a consumer received, in the order it came; repeats are checked against the first body and counted. */
export class Ledger {
  /** id → body, in the order of first arrival. */
  readonly bodies = new Map<string, string>();
  repeats = 0;
  readonly faults: string[] = [];

  add(body: string): void {
    let event: ParsedEvent;
    try {
      event = JSON.parse(body) as ParsedEvent;
    } catch (error) {
      this.faults.push(`not JSON: ${String(error)}: ${body.slice(0, 200)}`);
      return;
    }
    const before = this.bodies.get(event.id);
    if (before === undefined) {
      this.bodies.set(event.id, body);
      return;
    }
    this.repeats++;
    if (before !== body) this.faults.push(`event ${event.id} came again with another body`);
  }

  /**
   * Compares with what PostgreSQL committed: every change of the history is there, once, and each row's changes are in
   * order. Returns the differences, at most ten of a kind; none is what a test expects.
   */
  async differencesFrom(server: PostgresServer): Promise<string[]> {
    const expected = new Map<string, string[]>();
    const rows = await server.query('SELECT tab, id::text, version, action FROM history.change ORDER BY seq');
    for (const row of rows) push(expected, `${row['tab']}/${row['id']}`, step(row['action'], row['version']));
    const actual = new Map<string, string[]>();
    for (const body of this.bodies.values()) {
      const event = JSON.parse(body) as ParsedEvent;
      const row = event.action === 'DELETE' ? event.dataOld : event.data;
      // Under the default replica identity a DELETE carries the key alone.
      const version = event.action === 'DELETE' ? '' : row.version;
      push(actual, `${event.table}/${String(row.id)}`, step(event.action, version));
    }
    const differences = this.faults.slice(0, 10);
    for (const [row, steps] of expected) {
      const seen = actual.get(row) ?? [];
      if (seen.join() !== steps.join()) differences.push(`${row}: expected ${steps.join()}, received ${seen.join()}`);
      if (differences.length > 20) break;
    }
    for (const row of actual.keys()) if (!expected.has(row)) differences.push(`${row} was never committed`);
    return differences.slice(0, 20);
  }

  /** Ids and bodies that differ between two ledgers, at most ten of each kind. */
  differencesFromLedger(other: Ledger): string[] {
    const differences: string[] = [];
    for (const [id, body] of other.bodies) {
      const mine = this.bodies.get(id);
      if (mine === undefined) differences.push(`missing ${id}: ${body.slice(0, 120)}`);
      else if (mine !== body) differences.push(`another body under ${id}`);
    }
    for (const id of this.bodies.keys()) if (!other.bodies.has(id)) differences.push(`unknown id ${id}`);
    return differences.slice(0, 20);
  }
}

function step(action: unknown, version: unknown): string {
  return action === 'DELETE' ? 'DELETE' : `${String(action)}:${String(version)}`;
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
