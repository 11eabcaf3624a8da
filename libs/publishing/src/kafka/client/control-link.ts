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
  private attempt: Attempt | undefined;
  private closedBy: AppError | undefined;

  constructor(
    private readonly context: ConnectContext,
    /** The brokers to try, the best first. */
    private readonly candidates: () => readonly BrokerAddress[],
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
      if (attempt.waiting === 0) attempt.stop.abort();
    }
  }

  close(error: AppError): void {
    this.closedBy ??= error;
    this.current?.connection.destroy(error);
    this.attempt?.stop.abort();
  }

  private begin(): Attempt {
    const stop = new AbortController();
    const promise = this.connect(stop.signal);
    // All who waited may be gone.
    promise.catch(() => undefined);
    return { promise, stop, waiting: 0 };
  }

  private async connect(signal: AbortSignal): Promise<BrokerSession> {
    try {
      const session = await this.firstThatAnswers(signal);
      if (this.closedBy !== undefined) {
        session.connection.destroy(this.closedBy);
        throw this.closedBy;
      }
      this.current?.connection.destroy(new AppError('BROKER_UNREACHABLE', 'the session was renewed'));
      this.current = session;
      return session;
    } finally {
      this.attempt = undefined;
    }
  }

  /** One broker that refuses for good does not matter while another serves; when none does, it tells most. */
  private async firstThatAnswers(signal: AbortSignal): Promise<BrokerSession> {
    const failures: AppError[] = [];
    for (const address of distinct(this.candidates())) {
      try {
        return await openSession(this.context, address, signal);
      } catch (error) {
        failures.push(error as AppError);
      }
      if (signal.aborted) break;
    }
    throw failures.find(({ retriable }) => !retriable) ?? summary(failures);
  }
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
