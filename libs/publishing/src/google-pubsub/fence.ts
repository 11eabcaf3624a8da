import { type CancelTimer, type Clock, sleep } from '#lib/kernel';
import type { Lane } from './bucket-lanes.js';

/** What one attempt leaves to the next. */
export interface PubsubMemory {
  /** An attempt ended while nobody knew what became of some of its requests. */
  unsettled: boolean;
  /** When Pub/Sub first gave a sign of life after that, monotonic. */
  aliveAtMs: number | undefined;
  /** Pub/Sub has answered at some time. */
  admitted: boolean;
}

/**
 * Holds back the lanes whose last request may still be stored though it failed. Pub/Sub has nothing that would refuse a
 * late request, so it is waited out: for the whole time that Pub/Sub was told the request may take, counted from when it
 * must have been read. That is its answer, or else the first sign of life over a new connection: before that, what was
 * sent may lie unread in a network or server that stands still.
 */
export class Fence {
  private awaitingLife: Lane[] = [];
  private readonly timers = new Set<CancelTimer>();

  constructor(
    private readonly requestMs: number,
    private readonly clock: Clock,
    private readonly memory: PubsubMemory,
    private readonly release: (lanes: readonly Lane[]) => void,
  ) {}

  /** The lane's request ended without an answer. */
  holdLost(lane: Lane): void {
    this.awaitingLife.push(lane);
  }

  /** The lane's request was answered, but not so that it can be told from one that is still at work. */
  holdAnswered(lane: Lane): void {
    this.releaseLater([lane]);
  }

  /** Pub/Sub answered over a connection that was made after those of the lanes were given up. */
  alive(): void {
    this.memory.aliveAtMs ??= this.clock.now();
    const lanes = this.awaitingLife;
    if (lanes.length === 0) return;
    this.awaitingLife = [];
    this.releaseLater(lanes);
  }

  /** The attempt ends; `unanswered` when requests are given up now. */
  end(unanswered: boolean): void {
    if (unanswered || this.awaitingLife.length > 0 || this.timers.size > 0) {
      this.memory.unsettled = true;
      this.memory.aliveAtMs = undefined;
    }
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.awaitingLife = [];
  }

  /** Waits out what an earlier attempt of this process left, as far as that time has not passed since. */
  async passed(signal: AbortSignal): Promise<void> {
    const { memory, clock } = this;
    if (!memory.unsettled) return;
    memory.aliveAtMs ??= clock.now();
    const leftMs = memory.aliveAtMs + this.requestMs - clock.now();
    if (leftMs > 0) await sleep(leftMs, signal, clock);
    if (!signal.aborted) memory.unsettled = false;
  }

  private releaseLater(lanes: readonly Lane[]): void {
    const cancel = this.clock.after(this.requestMs, () => {
      this.timers.delete(cancel);
      this.release(lanes);
    });
    this.timers.add(cancel);
  }
}
