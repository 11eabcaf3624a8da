import { type CancelTimer, type Clock, sleep } from '#lib/kernel';
import type { Lane } from './bucket-lanes.js';

/** What one attempt leaves to the next. */
export interface PubsubMemory {
  /** An attempt ended while nobody knew what became of some of its requests. */
  unsettled: boolean;
}

/** A request whose connection broke is given this many times as long as the slowest one of late took. */
const PATIENCE = 4;
/** How much of the slowest time is forgotten with each request. */
const DECAY = 0.995;

interface HeldLane {
  readonly lane: Lane;
  readonly sentAtMs: number;
}

/**
 * Holds back the lanes whose last request may still be stored though its connection is gone. Pub/Sub has nothing that
 * would refuse a late request, so it is waited out, from the first sign of life of Pub/Sub over a new connection: before
 * that, what was sent may lie unread in a network or server that stands still. From then on a request is given as long
 * again as it has been without an answer, at least a few times what requests take, and at most the time that Pub/Sub was
 * told it may take.
 */
export class Fence {
  private awaitingLife: HeldLane[] = [];
  private readonly timers = new Map<readonly Lane[], CancelTimer>();
  /** Until one was acknowledged nothing is known of this Pub/Sub. */
  private slowestMs: number | undefined;

  constructor(
    private readonly requestMs: number,
    private readonly clock: Clock,
    private readonly memory: PubsubMemory,
    private readonly release: (lanes: readonly Lane[]) => void,
  ) {}

  /** A request was acknowledged after this time. */
  answered(tookMs: number): void {
    this.slowestMs = Math.max(tookMs, (this.slowestMs ?? 0) * DECAY);
  }

  /** The lane's request, sent then, ended and nobody knows how. */
  hold(lane: Lane, sentAtMs: number): void {
    this.awaitingLife.push({ lane, sentAtMs });
  }

  /** Pub/Sub answered over a connection that was made after those of the lanes were given up. */
  alive(): void {
    const held = this.awaitingLife;
    if (held.length === 0) return;
    this.awaitingLife = [];
    const silentMs = this.clock.now() - Math.min(...held.map(({ sentAtMs }) => sentAtMs));
    const waitMs = Math.min(this.requestMs, Math.max(silentMs, PATIENCE * (this.slowestMs ?? this.requestMs)));
    const lanes = held.map(({ lane }) => lane);
    const cancel = this.clock.after(waitMs, () => {
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
