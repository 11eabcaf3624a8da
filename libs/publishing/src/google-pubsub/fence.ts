import { type CancelTimer, type Clock, sleep } from '#lib/kernel';
import type { Lane } from './bucket-lanes.js';

/** What one attempt leaves to the next. */
export interface PubsubMemory {
  /** An attempt ended while nobody knew what became of some of its requests. */
  unsettled: boolean;
}

/**
 * Holds back the lanes whose last request may still be stored though its connection is gone. Pub/Sub has nothing that
 * would refuse a late request, so it is waited out: from the first sign of life of Pub/Sub over a new connection (before
 * that, what was sent may lie unread in a network or server that stands still) for as long as Pub/Sub was told that the
 * request may take.
 */
export class Fence {
  private awaitingLife: Lane[] = [];
  private readonly timers = new Map<readonly Lane[], CancelTimer>();

  constructor(
    private readonly requestMs: number,
    private readonly clock: Clock,
    private readonly memory: PubsubMemory,
    private readonly release: (lanes: readonly Lane[]) => void,
  ) {}

  hold(lane: Lane): void {
    this.awaitingLife.push(lane);
  }

  /** Pub/Sub answered over a connection that was made after those of the lanes were given up. */
  alive(): void {
    const lanes = this.awaitingLife;
    if (lanes.length === 0) return;
    this.awaitingLife = [];
    const cancel = this.clock.after(this.requestMs, () => {
      this.timers.delete(lanes);
      this.release(lanes);
    });
    this.timers.set(lanes, cancel);
  }

  /** The attempt ends; `unanswered` when requests are given up now. */
  end(unanswered: boolean): void {
    if (unanswered || this.awaitingLife.length > 0 || this.timers.size > 0) this.memory.unsettled = true;
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    this.awaitingLife = [];
  }

  /** Waits out what an earlier attempt of this process left; Pub/Sub must just have given a sign of life. */
  async passed(signal: AbortSignal): Promise<void> {
    if (!this.memory.unsettled) return;
    await sleep(this.requestMs, signal, this.clock);
    if (!signal.aborted) this.memory.unsettled = false;
  }
}
