/**
 * npm, timeout and some supervisors send a signal to the process and to its group, which it belongs to. No person asks
 * twice so soon.
 */
const SAME_REQUEST_MS = 200;

/**
 * SIGTERM and SIGINT from the moment it is made: the first asks to stop in good order, the second ends the process at
 * once. Made before the service is loaded, since a signal may come at any time and must find someone who listens.
 */
export class StopSignals {
  /** Resolves with the first signal. */
  readonly requested: Promise<NodeJS.Signals>;
  private first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.requested = new Promise((resolve) => {
      const onSignal = (signal: NodeJS.Signals) => {
        if (this.first === undefined) {
          this.first = { signal, atMs: now() };
          resolve(signal);
        } else if (now() - this.first.atMs >= SAME_REQUEST_MS) {
          endAtOnce(signal);
        }
      };
      process.on('SIGTERM', onSignal);
      process.on('SIGINT', onSignal);
    });
  }

  /** The signal that came, if any. */
  get received(): NodeJS.Signals | undefined {
    return this.first?.signal;
  }
}

function endAtOnce(signal: NodeJS.Signals): never {
  process.stderr.write(`wal-listener: ${signal} again: ended at once; what was not acknowledged comes again\n`);
  process.exit(1);
}
