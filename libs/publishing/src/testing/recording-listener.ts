import type { AppError } from '#lib/kernel';
import type { PublisherListener } from '../publisher.js';

/** Remembers what a publisher reported; fails loudly when an event is reported twice. */
export class RecordingListener implements PublisherListener {
  readonly seqs = new Set<number>();
  readonly states: (AppError | undefined)[] = [];
  readonly errors: AppError[] = [];
  /** Called for each event as it is settled. */
  onSettled: (seq: number) => void = () => undefined;
  private waiting: (() => void)[] = [];

  settled(fromSeq: number, toSeq: number): void {
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      if (this.seqs.has(seq)) this.errors.push(Object.assign(new Error(`event ${seq} settled twice`), {}) as AppError);
      this.seqs.add(seq);
      this.onSettled(seq);
    }
    this.wake();
  }

  brokerState(error: AppError | undefined): void {
    this.states.push(error);
    this.wake();
  }

  failed(error: AppError): void {
    this.errors.push(error);
    this.wake();
  }

  /** Whether the broker is up as far as was reported. */
  get isUp(): boolean {
    return this.states.at(-1) === undefined;
  }

  /** Whether the broker was ever reported down; it may have come back before a test looked. */
  get wasDown(): boolean {
    return this.states.some((error) => error !== undefined);
  }

  /** Resolves when the condition holds after some report; rejects when the publisher failed instead, or in time. */
  async until(what: string, condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!condition()) {
      const error = this.errors[0];
      if (error !== undefined) throw error;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`not within ${timeoutMs} ms: ${what}; ${this.seqs.size} events settled`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 250));
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  untilSettled(count: number, timeoutMs?: number): Promise<void> {
    return this.until(`${count} events settled`, () => this.seqs.size >= count, timeoutMs);
  }

  /** The error that ended the attempt. */
  async untilFailed(timeoutMs = 20_000): Promise<AppError> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const error = this.errors[0];
      if (error !== undefined) return error;
      if (Date.now() > end) throw new Error('the publisher did not fail');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
