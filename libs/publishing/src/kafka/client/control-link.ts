import { AppError } from '#lib/kernel';
import type { BrokerSession } from './broker-session.js';
import type { ConnectContext } from './connect-context.js';
import { addressText, type BrokerAddress } from './connect-options.js';
import { openSession } from './open-connection.js';

interface Attempt {
  readonly promise: Promise<BrokerSession>;
  readonly stop: AbortController;
  /** Callers that still wait for it. */
  waiting: number;
}

/** The connection for all but records: to any broker that answers, made anew when it is lost. */
export class ControlLink {
  private current: BrokerSession | undefined;
  /** Was replaced, and is kept for the answers that are still to come. */
  private former: BrokerSession | undefined;
  private attempt: Attempt | undefined;
  private closedBy: AppError | undefined;
  /** Whom the next attempt tries last. */
  private lastTried: string | undefined;

  constructor(
    private readonly context: ConnectContext,
    /** The brokers to try, the best first. */
    private readonly candidates: () => readonly BrokerAddress[],
    private readonly open = openSession,
  ) {}

  /**
   * The connection, made when there is none. Callers at the same time share one attempt, which ends when all are gone.
   * @throws AppError; aborted: BROKER_UNREACHABLE
   */
  async session(signal: AbortSignal): Promise<BrokerSession> {
    if (this.closedBy !== undefined) throw this.closedBy;
    if (this.current?.isUsable === true) return this.current;
    const attempt = (this.attempt ??= this.begin());
    attempt.waiting += 1;
    try {
      return await abortable(attempt.promise, signal);
    } finally {
      attempt.waiting -= 1;
      if (attempt.waiting === 0) this.giveUp(attempt);
    }
  }

  /** The next connection is made to another broker, if one answers: this one may not know how the others are. */
  leave(): void {
    this.replace(undefined);
  }

  close(error: AppError): void {
    this.closedBy ??= error;
    for (const session of [this.current, this.former]) session?.connection.destroy(error);
    this.attempt?.stop.abort();
  }

  private begin(): Attempt {
    const stop = new AbortController();
    const attempt: Attempt = { promise: this.connect(stop.signal), stop, waiting: 0 };
    // All who waited may be gone.
    attempt.promise.catch(() => undefined).finally(() => this.forget(attempt));
    return attempt;
  }

  /** Whoever comes now begins another: this one fails. */
  private giveUp(attempt: Attempt): void {
    attempt.stop.abort();
    this.forget(attempt);
  }

  private forget(attempt: Attempt): void {
    if (this.attempt === attempt) this.attempt = undefined;
  }

  private async connect(signal: AbortSignal): Promise<BrokerSession> {
    const session = await this.firstThatAnswers(signal);
    if (this.closedBy !== undefined) {
      session.connection.destroy(this.closedBy);
      throw this.closedBy;
    }
    this.replace(session);
    return session;
  }

  private replace(session: BrokerSession | undefined): void {
    const reason = new AppError('BROKER_UNREACHABLE', 'the connection was replaced');
    if (this.current !== undefined) {
      this.former?.connection.destroy(reason);
      this.former = this.current;
      this.former.connection.retire(reason);
    }
    this.current = session;
  }

  /** One broker that refuses for good does not matter while another serves; when none does, it tells most. */
  private async firstThatAnswers(signal: AbortSignal): Promise<BrokerSession> {
    const failures: AppError[] = [];
    const addresses = startingAfter(this.lastTried, distinct(this.candidates()));
    for (const address of addresses) {
      try {
        const session = await this.open(this.context, address, signal);
        this.lastTried = addressText(address);
        return session;
      } catch (error) {
        failures.push(error as AppError);
      }
      if (signal.aborted) break;
    }
    const [first] = addresses;
    if (first !== undefined) this.lastTried = addressText(first);
    throw failures.find(({ retriable }) => !retriable) ?? summary(failures);
  }
}

/** All of them, this one and those before it last. */
function startingAfter(last: string | undefined, addresses: readonly BrokerAddress[]): readonly BrokerAddress[] {
  const start = addresses.findIndex((address) => addressText(address) === last) + 1;
  return [...addresses.slice(start), ...addresses.slice(0, start)];
}

function distinct(addresses: readonly BrokerAddress[]): readonly BrokerAddress[] {
  return [...new Map(addresses.map((address) => [addressText(address), address])).values()];
}

function summary(failures: readonly AppError[]): AppError {
  const [first] = failures;
  if (failures.length === 1 && first !== undefined) return first;
  const message = failures.map((failure) => failure.message).join('; ');
  return new AppError('BROKER_UNREACHABLE', message, { cause: first });
}

/** The promise's value, or a rejection as soon as the signal aborts. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = () => new AppError('BROKER_UNREACHABLE', 'asking Kafka was aborted');
  // When the signal comes first nobody hears how the promise ends.
  promise.catch(() => undefined);
  if (signal.aborted) throw aborted();
  let onAbort = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => reject(aborted());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, interrupted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
