import type { ValveReason } from './change-source.js';

/** What the valve turns: the socket's reading. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

/**
 * The one owner of the socket's pause and resume. Coalescing, back-pressure and a busy sink each have their own reason to
 * hold it; were two of them to call pause() and resume() on their own, the first to finish would open it for the other.
 */
export class Valve {
  private readonly reasons = new Set<ValveReason>();
  private overridden = false;

  constructor(private readonly socket: Pausable) {}

  get isClosed(): boolean {
    return this.reasons.size > 0;
  }

  /** Whether somebody other than coalescing (which is over within a millisecond or so) holds it. */
  get isHeld(): boolean {
    return this.reasons.size > (this.reasons.has('coalescing') ? 1 : 0);
  }

  hold(reason: ValveReason): void {
    if (this.overridden) return;
    const wasOpen = this.reasons.size === 0;
    this.reasons.add(reason);
    if (wasOpen) this.socket.pause();
  }

  release(reason: ValveReason): void {
    if (this.reasons.delete(reason) && this.reasons.size === 0) this.socket.resume();
  }

  /** Opens for good, whoever holds it: what arrives from here on is only drained. */
  openForGood(): void {
    this.overridden = true;
    if (this.reasons.size === 0) return;
    this.reasons.clear();
    this.socket.resume();
  }
}
