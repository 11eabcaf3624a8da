import { AppError, Backoff, type Clock, sleep, toAppError } from '#lib/kernel';
import type { EventWindow } from '../event-window.js';
import { notAcknowledged } from './map-nats-error.js';
import type { NatsLink } from './nats-link.js';
import type { NatsSender } from './sender.js';
import type { SendFailure } from './send-failure.js';
import { StoredProof, type StreamEnd } from './stored-proof.js';
import { type StreamInfo, StreamReader } from './stream-facts.js';
import { notCovered, uncovered } from './stream-setup.js';

const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5000;
/** Refusals in a row that nothing of ours explains before another writer is blamed without having seen its message. */
const UNEXPLAINED_REFUSALS = 3;

export interface RecoveryParts {
  readonly window: EventWindow;
  readonly sender: NatsSender;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  /** The stream's name, known once it was opened. */
  readonly stream: () => string;
  /** A live link: the one at hand or a new one. @throws AppError */
  readonly link: (signal: AbortSignal) => Promise<NatsLink>;
  /** Cuts the link: answers on it are no longer waited for. */
  readonly dropLink: () => void;
}

export interface RecoveryHooks {
  /** What stands in the way while it is retried. */
  trouble(error: AppError): void;
  /** Connected, and there is nothing to send. */
  idle(): void;
  /** Somebody else writes to the stream; `ownForm` when their ids look like ours. @throws AppError to end the attempt */
  otherWriter(ownForm: boolean): void;
  /** The attempt ends. */
  failed(error: AppError): void;
}

/**
 * Puts right what stopped the sender: lets what is on the wire be answered, waits, makes a connection, reads what the
 * stream really holds, counts that as durable and resumes behind it. Retries for ever.
 */
export class Recovery {
  private readonly backoff = new Backoff(MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  private readonly proof: StoredProof;
  private running = false;
  private wake: (() => void) | undefined;
  private unexplained = 0;

  constructor(
    private readonly parts: RecoveryParts,
    private readonly hooks: RecoveryHooks,
    private readonly signal: AbortSignal,
  ) {
    this.proof = new StoredProof(parts.window, parts.sender);
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** Something was stored: the next trouble is a new one. */
  succeeded(): void {
    this.backoff.reset();
    this.unexplained = 0;
  }

  /** The window has more events, or a wait inside has to end. */
  poke(): void {
    this.wake?.();
    this.wake = undefined;
  }

  /** Runs until the sender sends again, there is nothing to send, or an error ends the attempt. Never rejects. */
  async run(cause: SendFailure | undefined): Promise<void> {
    if (this.running) return;
    this.running = true;
    let failure = cause;
    while (!this.signal.aborted) {
      try {
        failure = await this.settleWire(failure);
        await this.pause(failure);
        // When sending has gone on it may have stopped again by now, and that is another run's.
        if (!this.signal.aborted && (await this.attempt(failure))) return;
        failure = undefined;
      } catch (thrown) {
        const error = toAppError(thrown);
        failure = { kind: 'lost', error };
        if (error.retriable && error.code !== 'BROKER_OTHER_WRITER') continue;
        this.running = false;
        if (!this.signal.aborted) this.hooks.failed(error);
        return;
      }
    }
    this.running = false;
  }

  /** True (and `running` is false) when there is nothing left to put right. */
  private async attempt(failure: SendFailure | undefined): Promise<boolean> {
    const { window, sender } = this.parts;
    const link = await this.parts.link(this.signal);
    if (window.isEmpty) return this.nothingToSend();
    const reader = new StreamReader(link);
    const info = await this.streamInfo(reader);
    let end: StreamEnd = 'unknown';
    if (sender.isChained) {
      end = await this.proof.prove(reader, info, this.control(link));
      if (failure?.kind === 'wrongLast') this.explain(end);
    }
    if (failure?.kind === 'uncovered') checkCovered(info, failure.subject);
    if (this.signal.aborted || !link.isAlive) return false;
    if (window.isEmpty) return this.nothingToSend();
    this.running = false;
    sender.resume(link, info.config, info.state.last_seq, end === 'ours' || end === 'ownForm');
    return true;
  }

  private nothingToSend(): true {
    this.running = false;
    this.hooks.idle();
    return true;
  }

  /** A chained message was refused: was it for a failure of our own? */
  private explain(end: StreamEnd): void {
    if (end === 'ours') return;
    this.unexplained += 1;
    if (end !== 'unknown' || this.unexplained >= UNEXPLAINED_REFUSALS) this.hooks.otherWriter(end === 'ownForm');
  }

  private async streamInfo(reader: StreamReader): Promise<StreamInfo> {
    const name = this.parts.stream();
    const info = await reader.info(name);
    if (info !== undefined) return info;
    throw new AppError('BROKER_REFUSED', `stream "${name}" does not exist any more`, {
      facts: { stream: name },
      remedy: 'Create it again, or restart wal-listener, which creates it.',
    });
  }

  private control(link: NatsLink) {
    const { signal } = this;
    return {
      more: () => new Promise<void>((resolve) => (this.wake = resolve)),
      get cancelled() {
        return signal.aborted || !link.isAlive;
      },
    };
  }

  private async pause(failure: SendFailure | undefined): Promise<void> {
    if (failure === undefined || failure.kind === 'again' || failure.kind === 'uncovered') return;
    if (failure.kind !== 'wrongLast') this.hooks.trouble(failure.error);
    await sleep(this.backoff.next(), this.signal, this.parts.clock);
  }

  /**
   * What is on the wire is answered or, when that takes too long, lost with its connection. Gives what the failure
   * comes from: what follows a message that is neither stored nor answered is refused.
   */
  private async settleWire(failure: SendFailure | undefined): Promise<SendFailure | undefined> {
    const { sender, ackTimeoutMs, clock } = this.parts;
    if (sender.isIdle) return failure;
    if (failure?.kind !== 'lost') {
      const enough = new AbortController();
      const onAbort = () => enough.abort();
      this.signal.addEventListener('abort', onAbort, { once: true });
      await Promise.race([sender.whenAnswered(), sleep(ackTimeoutMs, enough.signal, clock)]);
      enough.abort();
      this.signal.removeEventListener('abort', onAbort);
    }
    if (sender.isIdle || this.signal.aborted) return failure;
    this.parts.dropLink();
    if (failure?.kind !== 'wrongLast') return failure;
    return { kind: 'lost', error: notAcknowledged(this.parts.stream(), ackTimeoutMs) };
  }
}

function checkCovered(info: StreamInfo, subject: string): void {
  const missing = uncovered(info.config, [subject]);
  if (missing.length > 0) throw notCovered(info.config, missing);
}
