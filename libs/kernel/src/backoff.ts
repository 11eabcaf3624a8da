/** Exponential back-off with full jitter: delays grow from `minMs` to `maxMs` until `reset()`. */
export class Backoff {
  private attempt = 0;

  constructor(
    private readonly minMs: number,
    private readonly maxMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next delay in milliseconds: between half and all of min(maxMs, minMs × 2^attempts). */
  next(): number {
    const ceiling = Math.min(this.maxMs, this.minMs * 2 ** Math.min(this.attempt, 30));
    this.attempt += 1;
    return ceiling / 2 + (ceiling / 2) * this.random();
  }

  /** Starts over at `minMs`; called when an attempt proved itself. */
  reset(): void {
    this.attempt = 0;
  }
}
