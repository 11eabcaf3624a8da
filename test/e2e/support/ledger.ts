import type { PostgresServer } from '../../support/postgres.js';
import { orderFault } from './order-fault.js';

interface ParsedEvent {
  readonly id: string;
  readonly table: string;
  readonly action: string;
  readonly data: { readonly id?: number; readonly version?: number };
  readonly dataOld: { readonly id?: number; readonly version?: number };
}

/** What came of one row, in the order it came, repeats too. */
interface RowArrivals {
  /** The partition, queue or ordering key all of it came from. */
  readonly lane: string;
  readonly steps: string[];
}

/** Everything a consumer received, in the order it came; repeats are checked against the first body and counted. */
export class Ledger {
  /** id → body, in the order of first arrival. */
  readonly bodies = new Map<string, string>();
  repeats = 0;
  readonly faults: string[] = [];
  private readonly rows = new Map<string, RowArrivals>();

  /**
   * Takes the next message of a lane.
   *
   * @param lane that within which the broker keeps order (partition, queue, ordering key): a row may come from one only
   * @param id the id in the message's metadata, which must be the body's (a repeat may come with an empty one); absent
   *   where there is no metadata
   */
  add(body: string, lane = '', id?: string): void {
    let event: ParsedEvent;
    try {
      event = JSON.parse(body) as ParsedEvent;
    } catch (error) {
      this.faults.push(`not JSON: ${String(error)}: ${body.slice(0, 200)}`);
      return;
    }
    const before = this.bodies.get(event.id);
    const mayLackId = before !== undefined && id === '';
    if (id !== undefined && id !== event.id && !mayLackId)
      this.faults.push(`metadata names ${id}: ${body.slice(0, 80)}`);
    this.arrived(event, lane);
    if (before === undefined) {
      this.bodies.set(event.id, body);
      return;
    }
    this.repeats++;
    if (before !== body) this.faults.push(`event ${event.id} came again with another body`);
  }

  /**
   * Compares with what PostgreSQL committed: every change of the history is there, nothing else is, and each row's
   * changes came in order. Returns the differences, at most some ten of a kind; none is what a test expects.
   */
  async differencesFrom(server: PostgresServer): Promise<string[]> {
    const expected = new Map<string, string[]>();
    const rows = await server.query('SELECT tab, id::text, version, action FROM history.change ORDER BY seq');
    for (const row of rows) push(expected, `${row['tab']}/${row['id']}`, step(row['action'], row['version']));
    const differences = this.faults.slice(0, 10);
    for (const [row, steps] of expected) {
      const fault = orderFault(steps, this.rows.get(row)?.steps ?? []);
      if (fault !== undefined) differences.push(`${row}: ${fault}`);
      if (differences.length > 20) break;
    }
    for (const row of this.rows.keys()) if (!expected.has(row)) differences.push(`${row} was never committed`);
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

  private arrived(event: ParsedEvent, lane: string): void {
    const row = event.action === 'DELETE' ? event.dataOld : event.data;
    const name = `${event.table}/${String(row.id)}`;
    const arrivals = this.rows.get(name);
    if (arrivals === undefined) {
      this.rows.set(name, { lane, steps: [step(event.action, row.version)] });
      return;
    }
    if (arrivals.lane !== lane) this.faults.push(`${name} came from ${arrivals.lane} and from ${lane}`);
    arrivals.steps.push(step(event.action, row.version));
  }
}

/** Under the default replica identity a DELETE carries the key alone, so its version is not compared. */
function step(action: unknown, version: unknown): string {
  return action === 'DELETE' ? 'DELETE' : `${String(action)}:${String(version)}`;
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
