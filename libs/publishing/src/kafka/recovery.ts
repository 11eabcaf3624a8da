import { type AppError, Backoff, type Clock, sleep, toAppError } from '#lib/kernel';
import type { SendFailure } from './send-failure.js';

const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5000;

export interface RecoverySteps {
  /** What is on the wire is answered, or given up with its connection. */
  whenAnswered(): Promise<void>;
  /** Makes a connection, raises the fence, reads the layout; gives what sends again. @throws AppError */
  mend(signal: AbortSignal): Promise<() => void>;
  /** What stands in the way while it is retried. */
  trouble(error: AppError): void;
  /** The attempt ends. */
  failed(error: AppError): void;
}

/** Puts right what stopped the sender, in the order of the steps, with back-off, for ever. */
export class Recovery {
  private readonly backoff = new Backoff(MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  private running = false;

  constructor(
    private readonly steps: RecoverySteps,
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  get isRunning(): boolean {
    return this.running;
  }

  /** What was stuck has moved: the next wait is a short one again. */
  progressed(): void {
    this.backoff.reset();
  }

  /** Runs until the sender sends again or an error ends the attempt. Never rejects. */
  async run(cause: SendFailure): Promise<void> {
    if (this.running) return;
    this.running = true;
    let failure = cause;
    while (!this.signal.aborted) {
      if (failure.kind !== 'again' && this.ends(failure.error)) return;
      await this.steps.whenAnswered();
      if (failure.kind !== 'again') await sleep(this.backoff.next(), this.signal, this.clock);
      if (this.signal.aborted) break;
      try {
        const resume = await this.steps.mend(this.signal);
        if (this.signal.aborted) break;
        // Sending may stop again at once: that is another run's to mend.
        this.running = false;
        resume();
        return;
      } catch (thrown) {
        failure = { kind: 'lost', error: toAppError(thrown) };
      }
    }
    this.running = false;
  }

  private ends(error: AppError): boolean {
    // Another process has the slot's place: taking it back here would only shut that one out.
    const isOver = !error.retriable || error.code === 'BROKER_OTHER_WRITER';
    if (isOver) {
      this.running = false;
      if (!this.signal.aborted) this.steps.failed(error);
    } else {
      this.steps.trouble(error);
    }
    return isOver;
  }
}
