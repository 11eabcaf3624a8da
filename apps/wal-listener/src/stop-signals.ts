/**
 * SIGTERM and SIGINT from the moment it is made: the first asks to stop in good order, the second ends the process at
 * once. Made before the service is loaded, since a signal may come at any time and must find someone who listens.
 */
export class StopSignals {
  /** Resolves with the first signal. */
  readonly requested: Promise<NodeJS.Signals>;
  private first: NodeJS.Signals | undefined;

  constructor() {
    this.requested = new Promise((resolve) => {
      const onSignal = (signal: NodeJS.Signals) => {
        if (this.first !== undefined) process.exit(1);
        this.first = signal;
        resolve(signal);
      };
      process.on('SIGTERM', onSignal);
      process.on('SIGINT', onSignal);
    });
  }

  /** The signal that came, if any. */
  get received(): NodeJS.Signals | undefined {
    return this.first;
  }
}
