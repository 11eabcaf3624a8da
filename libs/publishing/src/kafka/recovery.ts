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
      const resume = await this.tryMend();
      if (this.signal.aborted) break;
      if (typeof resume === 'function') {
        // Sending may stop again at once: that is another run's to mend.
        this.running = false;
        this.begin(resume);
        return;
      }
      failure = resume;
    }
    this.running = false;
  }

  private begin(resume: () => void): void {
    try {
      resume();
    } catch (thrown) {
      // A defect of ours: trying again would meet it again.
      if (!this.signal.aborted) this.steps.failed(toAppError(thrown));
    }
  }

  private async tryMend(): Promise<(() => void) | SendFailure> {
    try {
      return await this.steps.mend(this.signal);
    } catch (thrown) {
      return { kind: 'lost', error: toAppError(thrown) };
    }
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
