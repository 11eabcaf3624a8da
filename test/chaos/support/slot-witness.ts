import { setTimeout as delay } from 'node:timers/promises';
import { formatLsn } from '#lib/pgoutput';
import type { Scenario } from '../../e2e/support/scenario.js';
import { Ledger } from '../../e2e/support/ledger.js';
import { inTime, type Holding, type Place, type StormBroker } from './storm-broker.js';

const EVERY_MS = 200;

/** A ledger that knows where each event was stored first. */
export class PlacedLedger extends Ledger {
  /** By event id. */
  readonly places = new Map<string, Place>();
  private readonly counts = new Map<string, number>();

  override add(body: string, lane = '', id?: string): void {
    const index = this.counts.get(lane) ?? 0;
    this.counts.set(lane, index + 1);
    const before = this.bodies.size;
    super.add(body, lane, id);
    const newest = this.bodies.size > before ? eventIdOf(body) : undefined;
    if (newest !== undefined) this.places.set(newest, { lane, index });
  }
}

function eventIdOf(body: string): string {
  return (JSON.parse(body) as { readonly id: string }).id;
}

/** The first 64 of the bits around version and variant (docs/event-ids.md). */
export function commitLsnOf(eventId: string): bigint {
  const digits = eventId.replaceAll('-', '');
  const low = (Number.parseInt(digits.slice(16, 18), 16) >> 2) & 15;
  return (BigInt(`0x${digits.slice(0, 12)}${digits.slice(13, 16)}`) << 4n) | BigInt(low);
}

interface Sample {
  readonly confirmed: bigint;
  readonly holding: Holding;
  /** Milliseconds since the first look. */
  readonly atMs: number;
}

/**
 * Looks again and again at what the slot has confirmed and, right after that, at what the broker holds: every change
 * that was committed before the confirmed position has to be there.
 */
export class SlotWitness implements AsyncDisposable {
  readonly samples: Sample[] = [];
  private readonly stopping = new AbortController();
  private readonly beganMs = performance.now();
  private readonly watching: Promise<void>;

  constructor(private readonly scenario: Scenario<StormBroker>) {
    this.watching = this.watch();
  }

  /**
   * At most ten events that the slot had passed before the broker held them.
   *
   * @param expected the ids of everything that was committed
   * @param found where the broker turned out to keep it
   */
  unacknowledged(expected: Iterable<string>, found: PlacedLedger): string[] {
    const events = [...expected].map((id) => ({ id, lsn: commitLsnOf(id), place: found.places.get(id) }));
    const sorted = events.toSorted((a, b) => (a.lsn < b.lsn ? -1 : 1));
    const violations: string[] = [];
    // What the broker held at one moment it holds at every later one.
    let proven = 0;
    for (const { confirmed, holding, atMs } of this.samples) {
      for (; proven < sorted.length; proven++) {
        const { id, lsn, place } = sorted[proven];
        if (lsn >= confirmed) break;
        if (place === undefined || !holding.holds(place)) {
          const where = place === undefined ? 'nowhere' : `${place.lane}, ${String(place.index)}`;
          violations.push(
            `after ${String(atMs)} ms the slot had confirmed ${formatLsn(confirmed)}; the broker held ${holding.what}; ` +
              `not yet ${id}, now at ${where}`,
          );
          if (violations.length === 10) return violations;
        }
      }
    }
    return violations;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    await this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.look();
      await delay(EVERY_MS);
    }
  }

  /** A database or broker that does not answer now tells nothing. */
  private async look(): Promise<void> {
    try {
      const confirmed = await inTime(this.scenario.confirmedLsn());
      const holding = await this.scenario.broker.holding();
      this.samples.push({ confirmed, holding, atMs: Math.round(performance.now() - this.beganMs) });
    } catch {
      // The next one will.
    }
  }
}
