import { type AppError, Backoff, type Clock, sleep, toAppError } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import type { RabbitLink } from './rabbit-link.js';
import type { RabbitSender } from './sender.js';
import type { SendFailure } from './sender-ports.js';

const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2000;

export interface RecoveryParts {
  readonly window: EventWindow;
  readonly sender: RabbitSender;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  /** A live link that holds the slot's place: the one at hand or a new one. @throws AppError */
  readonly link: (signal: AbortSignal) => Promise<RabbitLink>;
  /** Cuts the link: confirmations on it are no longer waited for. */
  readonly dropLink: () => void;
}

export interface RecoveryHooks {
  /** What stands in the way while it is retried. */
  trouble(error: AppError): void;
  /** Connected, and there is nothing to send. */
  idle(): void;
  /** The attempt ends. */
  failed(error: AppError): void;
}

/**
 * Puts right what stopped the sender: lets what is on the wire be confirmed, waits, makes a connection, takes the slot's
 * place there and resumes at the first event that is not settled. Retries for ever.
 */
export class Recovery {
  private readonly backoff = new Backoff(MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  private running = false;

  constructor(
    private readonly parts: RecoveryParts,
    private readonly hooks: RecoveryHooks,
    private readonly signal: AbortSignal,
  ) {}

  get isRunning(): boolean {
    return this.running;
  }

  /** Something was stored: the next trouble is a new one. */
  succeeded(): void {
    this.backoff.reset();
  }

  /** Runs until the sender sends again, there is nothing to send, or an error ends the attempt. Never rejects. */
  async run(cause: SendFailure | undefined): Promise<void> {
    if (this.running) return;
    this.running = true;
    let failure = cause;
    while (!this.signal.aborted) {
      try {
        await this.settleWire(failure);
        await this.pause(failure);
        // When sending has gone on it may have stopped again by now, and that is another run's.
        if (!this.signal.aborted && (await this.attempt())) return;
        failure = undefined;
      } catch (thrown) {
        const error = toAppError(thrown);
        failure = { kind: 'lost', error };
        if (error.retriable) continue;
        this.running = false;
        if (!this.signal.aborted) this.hooks.failed(error);
        return;
      }
    }
    this.running = false;
  }

  /** True (and `running` is false) when there is nothing left to put right. */
  private async attempt(): Promise<boolean> {
    const { window, sender } = this.parts;
    const link = await this.parts.link(this.signal);
    if (this.signal.aborted || !link.isAlive) return false;
    this.running = false;
    sender.resume(link);
    if (window.isEmpty) this.hooks.idle();
    return true;
  }

  private async pause(failure: SendFailure | undefined): Promise<void> {
    if (failure === undefined || failure.kind === 'tooLarge') return;
    this.hooks.trouble(failure.error);
    await sleep(this.backoff.next(), this.signal, this.parts.clock);
  }

  /** What is on the wire is answered or, when that takes too long, lost with its connection. */
  private async settleWire(failure: SendFailure | undefined): Promise<void> {
    const { sender, ackTimeoutMs, clock } = this.parts;
    if (sender.isIdle) return;
    if (failure?.kind === 'refused') {
      const enough = new AbortController();
      const onAbort = () => enough.abort();
      this.signal.addEventListener('abort', onAbort, { once: true });
      await Promise.race([sender.whenAnswered(), sleep(ackTimeoutMs, enough.signal, clock)]);
      enough.abort();
      this.signal.removeEventListener('abort', onAbort);
    }
    if (!sender.isIdle && !this.signal.aborted) this.parts.dropLink();
  }
}
